/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minute.h - the worst minute. A bad one is soon a small part of a recording that goes on for days,
 * and is what somebody wants to know of.
 *
 * Tier C. Data: stalls of one finding -> part of a minute.
 */
#pragma once

#include "recording.h"

/*
 * The greatest part of any minute that a loop (null: that is not known) lost by these stalls,
 * indices into recording.stalls; 0 in a recording of less than a minute.
 */
double minute_worst_share(
	const uint32_t *stalls, size_t count, const struct loop *loop, struct recording *recording);
