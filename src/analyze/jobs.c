/* SPDX-License-Identifier: Apache-2.0 */
/* jobs.c - see jobs.h. */
#include "jobs.h"

#include <string.h>

#include "finding.h"
#include "weight.h"

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

/* What of a loop's stalls was spent in which way. */
struct spent {
	uint64_t waiting_ns, total_ns;
	uint64_t endless_ns; /* in a turn that waited for jobs and had not ended */
};

static void add_samples(
	struct spent *spent, const struct stall *stall, const struct recording *recording)
{
	uint64_t total_ns = 0, waiting_ns = 0;

	for (size_t i = 0; i < stall->sample_count; i++) {
		const struct sample *sample = &recording->samples[stall->first_sample + i];
		uint64_t weight_ns = weight_of_sample(&sample->record);

		total_ns += weight_ns;
		if (waits_for_a_job(sample))
			waiting_ns += weight_ns;
	}
	spent->total_ns += total_ns;
	spent->waiting_ns += waiting_ns;
	if (waiting_ns > 0 && !stall->record.ended)
		spent->endless_ns += total_ns;
}

void jobs_find(struct jobs *ret, struct recording *recording)
{
	struct jobs jobs = {0};
	struct spent *spent =
		recording_alloc(recording, (recording->loop_count + 1) * sizeof(*spent));

	for (size_t i = 0; i < recording->stall_count; i++) {
		const struct stall *stall = &recording->stalls[i];

		if (stall->loop && !stall->record.startup && !loop_is_main(stall->loop, recording))
			add_samples(&spent[stall->loop->index], stall, recording);
	}
	jobs.loops = recording_alloc(recording, (recording->loop_count + 1) * sizeof(*jobs.loops));
	for (size_t i = 0; i < recording->loop_count; i++) {
		jobs.loops[i] = 2 * spent[i].waiting_ns > spent[i].total_ns ||
				2 * spent[i].endless_ns > spent[i].total_ns;
		jobs.count += jobs.loops[i];
	}
	*ret = jobs;
}

bool jobs_has(const struct jobs *jobs, const struct loop *loop)
{
	return loop && jobs->loops[loop->index];
}
