/* SPDX-License-Identifier: Apache-2.0 */
#include "held.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

bool held_is_of(const struct held *held, uint64_t begin_ns)
{
	return held->count && held->samples[0]->turn_begin_ns == begin_ns;
}

void held_drop(struct held *held)
{
	while (held->count)
		free(held->samples[--held->count]);
}

void held_keep(struct held *held, const struct stall_sample *sample)
{
	/* The stack is the last member, and mostly short. */
	size_t length = offsetof(struct stall_sample, stack) + sample->stack_length;
	struct stall_sample *copy;

	if (!held_is_of(held, sample->turn_begin_ns))
		held_drop(held);
	if (held->count == HELD_MAX)
		return;
	copy = malloc(length);
	if (!copy)
		return;
	memcpy(copy, sample, length);
	held->samples[held->count++] = copy;
}
