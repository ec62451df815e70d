/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group.h - which stalls have one origin.
 *
 * Starting at the outermost functions, the stalls are followed towards the leaf. Where the way
 * divides, the question is whether each stall takes one way as a whole (two slow handlers: two
 * origins) or whether each takes several (one slow handler that calls many helpers: one origin).
 * Fleiss' kappa answers it: the agreement of a stall's samples with each other, less what chance
 * would give (Fleiss 1971), each stall counting once. From 0.6 on, which is called substantial
 * (Landis and Koch 1977), the stalls are parted, and one that took several ways, as a turn does
 * that serves two requests, follows its heaviest; below it they stay together. A stall of a single
 * sample has nothing to agree with, and a few samples that agree may do so by chance: neither parts
 * anything.
 *
 * Parts that could never be a finding by themselves stay together under their common caller:
 * parting must not hide a problem.
 *
 * Tier C. Data: stalls with samples -> groups of stalls. What is
 * to blame in a group is found by culprit.c.
 */
#pragma once

#include "identity.h"

struct stall_group {
	uint32_t *stalls; /* indices into recording.stalls, ascending */
	size_t count;
};

/*
 * Parts `count` stalls, each with a sample that has a stack. Returns the number of groups (at most
 * count) and sets ret; owned by the recording's pool.
 */
size_t group_stalls(struct stall_group **ret, const uint32_t *stalls, size_t count,
	const struct identity *identity, struct recording *recording);
