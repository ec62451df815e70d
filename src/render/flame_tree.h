/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flame_tree.h - the samples of a recording merged into one tree of calls: what a flame graph
 * draws.
 *
 * Tier C. Data: recording.samples -> struct flame_tree. How it looks is the drawing file's
 * business.
 */
#pragma once

#include "identity.h"
#include "render.h"

struct flame_node {
	const struct frame
		*frame; /* one of its frames; null for the root, and where a stack was lost */
	uint32_t function;
	uint32_t parent;             /* index; the root's is 0 */
	uint32_t depth;              /* the root's is 0 */
	uint64_t total_ns, begin_ns; /* extent: a child lies within its parent */
	uint32_t line; /* where the node's time went, if most of it went to one line */
	uint64_t line_lead_ns;
};

struct flame_tree {
	struct flame_node *nodes; /* parents before children, wider siblings first */
	size_t count;
	uint32_t depth; /* of the deepest node */
	uint64_t samples, stalls;
	/* Not in the tree. */
	uint64_t unseen_stalls, unseen_ns; /* no stack was taken */
	uint64_t startup_turns, startup_ns;
};

/* Builds the tree; memory is the recording's. Returns 0, or -ENODATA if nothing has any weight. */
int flame_tree_build(struct flame_tree *ret, struct recording *recording, enum flame_of of);
