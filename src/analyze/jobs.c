/* SPDX-License-Identifier: Apache-2.0 */
/* jobs.c - see jobs.h. */
#include "jobs.h"

#include <string.h>

#include "finding.h"

/* V8: src/execution/futex-emulation.h. Below it lies Atomics.wait, or WebAssembly's. */
static const char wait_in_v8[] = "v8::internal::FutexEmulation::Wait";

/* Whether a sample's thread slept in Atomics.wait. */
static bool waits_for_a_job(const struct sample *sample)
{
	const struct stack *stack = sample->stack;

	if (sample->record.syscall < 0)
		return false;
	for (size_t i = 0; stack && i < stack->count && !frame_is_script(&stack->frames[i]); i++) {
		const struct frame *frame = &stack->frames[i];

		if (frame_is_named(frame) &&
			strncmp(frame->function->name, wait_in_v8, strlen(wait_in_v8)) == 0)
			return true;
	}
	return false;
}

void jobs_find(struct jobs *ret, struct recording *recording)
{
	struct jobs jobs = {0};

	jobs.loops = recording_alloc(recording, (recording->loop_count + 1) * sizeof(*jobs.loops));
	for (size_t i = 0; i < recording->stall_count; i++) {
		const struct stall *stall = &recording->stalls[i];

		if (!stall->loop || loop_is_main(stall->loop, recording))
			continue;
		for (size_t j = 0; j < stall->sample_count && !jobs_has(&jobs, stall->loop); j++) {
			if (!waits_for_a_job(&recording->samples[stall->first_sample + j]))
				continue;
			jobs.loops[stall->loop->index] = true;
			jobs.count++;
		}
	}
	*ret = jobs;
}

bool jobs_has(const struct jobs *jobs, const struct loop *loop)
{
	return loop && jobs->loops[loop->index];
}
