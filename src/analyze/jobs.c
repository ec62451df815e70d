/* SPDX-License-Identifier: Apache-2.0 */
/* jobs.c - see jobs.h. */
#include "jobs.h"

#include <string.h>

#include "finding.h"
#include "weight.h"

/* V8: src/execution/futex-emulation.h. Below it lies Atomics.wait, or WebAssembly's. */
static const char wait_in_v8[] = "v8::internal::FutexEmulation::Wait";

enum { PLACES_MAX = 8 }; /* at which takers of jobs wait; one program has one or two */

/* Whether a sample's thread slept in Atomics.wait, and who called that: null where not known. */
static bool waits_for_a_job(const struct sample *sample, const struct function **ret_place)
{
	const struct stack *stack = sample->stack;
	bool waits = false;
	size_t i = 0;

	if (sample->record.syscall < 0 || !stack)
		return false;
	for (; i < stack->count && !frame_is_script(&stack->frames[i]); i++) {
		const struct frame *frame = &stack->frames[i];

		waits |= frame_is_named(frame) &&
			 strncmp(frame->function->name, wait_in_v8, strlen(wait_in_v8)) == 0;
	}
	*ret_place = i < stack->count ? stack->frames[i].function : NULL;
	return waits;
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
		const struct function *place;

		total_ns += weight_ns;
		if (waits_for_a_job(sample, &place))
			waiting_ns += weight_ns;
	}
	spent->total_ns += total_ns;
	spent->waiting_ns += waiting_ns;
	if (waiting_ns > 0 && !stall->record.ended)
		spent->endless_ns += total_ns;
}

/* Where takers of jobs wait for them. */
struct places {
	const struct function *functions[PLACES_MAX];
	size_t count;
};

static bool is_place(const struct places *places, const struct function *function)
{
	for (size_t i = 0; i < places->count; i++) {
		if (places->functions[i] == function)
			return true;
	}
	return false;
}

/* Adds the places at which a stall's thread waits, or returns whether it waits at one of them. */
static bool look_at_places(struct places *places, bool add, const struct stall *stall,
	const struct recording *recording)
{
	for (size_t i = 0; i < stall->sample_count; i++) {
		const struct function *place = NULL;

		if (!waits_for_a_job(&recording->samples[stall->first_sample + i], &place) ||
			!place)
			continue;
		if (is_place(places, place))
			return true;
		if (add && places->count < PLACES_MAX)
			places->functions[places->count++] = place;
	}
	return false;
}

/* A pool ends and begins its workers as it likes: who waits where a taker of jobs does is one. */
static void find_others(struct jobs *jobs, const struct recording *recording)
{
	struct places places = {.count = 0};

	for (int add = 1; add >= 0; add--) {
		for (size_t i = 0; i < recording->stall_count; i++) {
			const struct stall *stall = &recording->stalls[i];

			if (!stall->loop || loop_is_main(stall->loop, recording) ||
				jobs->loops[stall->loop->index] != (add == 1))
				continue;
			if (look_at_places(&places, add, stall, recording) && !add) {
				jobs->loops[stall->loop->index] = true;
				jobs->count++;
			}
		}
	}
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
	if (jobs.count > 0)
		find_others(&jobs, recording);
	*ret = jobs;
}

bool jobs_has(const struct jobs *jobs, const struct loop *loop)
{
	return loop && jobs->loops[loop->index];
}
