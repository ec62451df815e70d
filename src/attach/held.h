/* SPDX-License-Identifier: Apache-2.0 */
/*
 * held.h - samples of a turn that has not passed the threshold yet. The clock ticks but a hundred
 * times a second: if it were looked at from the threshold on, a stall that is not much longer
 * would have no stack, and the first stack of any stall would stand for all that came before it.
 * So a turn is sampled from early on, and what was copied is held until the turn has become a
 * stall, or has ended.
 *
 * Tier C. Data: records of a source -> the same, a moment later.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "stall.h"

enum { HELD_MAX = 16 };

struct held {
	struct stall_sample *samples[HELD_MAX]; /* owned; of one turn, in order */
	unsigned count;
};

/* Keeps a copy. Those of an earlier turn are dropped, and so is what there is no room for. */
void held_keep(struct held *held, const struct stall_sample *sample);
/* Whether they are of the turn that began then. */
bool held_is_of(const struct held *held, uint64_t begin_ns);
void held_drop(struct held *held);
