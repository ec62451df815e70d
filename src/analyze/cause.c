/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cause.c - where the wall time of stalls went.
 *
 * Tier C. Data: the figures of one stall or the sum of many -> shares, label.
 *
 * Time on a CPU, in its run queue and throttled was counted; what is left of a stall was slept.
 * Some of that was seen, by the samples that were taken of a sleeping thread: in a system call, or
 * in none, where a thread waits for memory. All of a stall's sleep is divided as what was seen,
 * since sleeps that are too short for a sample are most often of the same kind. Where none was
 * seen, the stall's major faults explain it, each as much as a slow disk takes; what they leave,
 * and all sleep of a stall without faults, is taken to be blocked.
 *
 * A major fault costs CPU time as well, and that is the kernel's, not the function's: what it takes
 * at the least to read a page, to switch away and back, is moved from the one to the other.
 */
#include "cause.h"

#include <string.h>

static const double UNSEEN_FAULT_NS = 10e6;
static const double FAULT_WORK_NS = 10e3;
static const double READY_LEAST = 16; /* callbacks, to speak of many */
static const double CALLS_EACH_MAX = 16;
static const double PAUSE_SHARE_MAX = 0.25;
static const double WATCHED_SHARE_LEAST = 0.5;

/*
 * Whether many callbacks made a turn long, none of them long itself: many descriptors were ready,
 * about as many calls read and wrote as their callbacks would make (each at least one, for every
 * second descriptor; one callback that copies a file makes far more), and they came evenly: no
 * callback computed for long between two of them. Where that was not counted, nothing is claimed.
 */
static bool is_congested(const struct record_stall *stall)
{
	double ready = (double)stall->ready, calls = (double)stall->io_calls;
	double duration = (double)stall->duration_ns;

	return ready >= READY_LEAST && calls >= ready / 2 && calls <= ready * CALLS_EACH_MAX &&
	       (double)stall->io_pause_ns <= duration * PAUSE_SHARE_MAX &&
	       (double)stall->measured_ns >= duration * WATCHED_SHARE_LEAST;
}

/* How much of a stall's samples' time was slept, by where its thread was found asleep. */
struct sleeps {
	double in_calls_ns, outside_ns;
	double in_collections_ns; /* of that in calls */
};

/* V8: src/heap/heap.h; all collections run below it. */
static bool is_collecting(const struct stack *stack)
{
	for (size_t i = 0; stack && i < stack->count && !frame_is_script(&stack->frames[i]); i++) {
		const struct frame *frame = &stack->frames[i];

		if (frame_is_named(frame) &&
			strcmp(frame->function->name, "v8::internal::Heap::CollectGarbage") == 0)
			return true;
	}
	return false;
}

static struct sleeps find_sleeps(const struct stall *stall, const struct sample *samples)
{
	struct sleeps sleeps = {0};

	for (size_t i = 0; i < stall->sample_count; i++) {
		const struct record_sample *sample = &samples[i].record;
		double *sum = sample->syscall < 0 ? &sleeps.outside_ns : &sleeps.in_calls_ns;
		double asleep_ns;

		if (!sample->in_place || sample->weight_ns <= sample->cpu_ns)
			continue;
		asleep_ns = (double)(sample->weight_ns - sample->cpu_ns);
		*sum += asleep_ns;
		if (sample->syscall >= 0 && is_collecting(samples[i].stack))
			sleeps.in_collections_ns += asleep_ns;
	}
	return sleeps;
}

/* How much of a stall's sleep was a wait for memory. */
static double faulting_ns(const struct stall *stall, const struct sample *samples, double asleep_ns)
{
	const struct record_stall *record = &stall->record;
	struct sleeps sleeps = find_sleeps(stall, samples);
	double seen_ns = sleeps.in_calls_ns + sleeps.outside_ns;
	double counted_ns = (double)record->major_faults * UNSEEN_FAULT_NS;

	/* A fault is counted when it is over. */
	if (record->ended && record->minor_faults + record->major_faults == 0)
		return 0;
	if (seen_ns > 0)
		return asleep_ns * (sleeps.outside_ns / seen_ns);
	return counted_ns < asleep_ns ? counted_ns : asleep_ns;
}

/* Takes as much of `amount` out of a part as there is; returns the rest of the amount. */
static double take(double *part, double amount)
{
	double taken = amount < *part ? amount : *part;

	*part -= taken;
	return amount - taken;
}

/*
 * Takes a stall's collections out of its other parts. They keep a CPU busy, but the main thread
 * also sleeps while helpers mark: so much as was seen of that, and what is more than it ran. Where
 * others have the CPU, a collection waits for it like all else, and that part stays the queue's.
 * Returns the rest, which is the collections' own.
 */
static double take_collections(const struct stall *stall, const struct sample *samples,
	double collecting_ns, double *cpu, double *blocked, double runqueue)
{
	struct sleeps sleeps = find_sleeps(stall, samples);
	double asleep_ns = 0, awake_ns, ran_ns;

	if (sleeps.in_collections_ns > 0)
		asleep_ns = *blocked * sleeps.in_collections_ns /
			    (sleeps.in_calls_ns + sleeps.outside_ns);
	if (asleep_ns > collecting_ns)
		asleep_ns = collecting_ns;
	*blocked -= asleep_ns;
	awake_ns = collecting_ns - asleep_ns;
	if (awake_ns > *cpu + runqueue)
		awake_ns = *cpu + runqueue;
	ran_ns = awake_ns > 0 ? awake_ns * *cpu / (*cpu + runqueue) : 0;
	*cpu -= ran_ns;
	collecting_ns -= asleep_ns + awake_ns;
	return asleep_ns + ran_ns + collecting_ns - take(blocked, collecting_ns);
}

void cause_add(struct cause_parts *parts, const struct stall *stall, const struct sample *samples)
{
	double measured = (double)stall->record.measured_ns, cpu = (double)stall->record.cpu_ns;
	double duration = (double)stall->record.duration_ns, whole = 1;
	double gc, throttled, runqueue, blocked, fault, work, rest;

	if (measured == 0) {
		cpu = 0;
		for (size_t i = 0; i < stall->sample_count; i++) {
			measured += (double)samples[i].record.weight_ns;
			cpu += (double)samples[i].record.cpu_ns;
		}
	}
	/* What was watched stands for the whole. */
	if (measured > 0 && duration > measured)
		whole = duration / measured;
	/* The kernel's clocks are read one after the other and may exceed the wall time by a
	 * little. */
	rest = measured;
	rest -= cpu = cpu < rest ? cpu : rest;
	runqueue = (double)stall->record.runqueue_ns;
	rest -= runqueue = runqueue < rest ? runqueue : rest;
	blocked = rest;
	/* A throttled thread stays in its queue: its time there contains the throttled time. */
	throttled = (double)stall->record.throttled_ns;
	throttled -= take(&blocked, take(&runqueue, throttled));
	/* Collecting is known of the whole turn, and may have been before the rest was watched. */
	gc = take_collections(
		stall, samples, (double)stall->record.gc_ns / whole, &cpu, &blocked, runqueue);

	fault = faulting_ns(stall, samples, blocked);
	blocked -= fault;
	work = (double)stall->record.major_faults * FAULT_WORK_NS;
	fault += work - take(&cpu, work);

	parts->measured_ns += measured * whole;
	if (is_congested(&stall->record))
		parts->congestion_ns += cpu * whole;
	else
		parts->cpu_ns += cpu * whole;
	parts->page_fault_ns += fault * whole;
	parts->gc_ns += gc * whole;
	parts->blocked_ns += blocked * whole;
	parts->runqueue_ns += runqueue * whole;
	parts->throttled_ns += throttled * whole;
}

bool cause_is_host(const struct cause_parts *parts, uint64_t duration_ns, uint64_t threshold_ns)
{
	double own_share;

	if (parts->measured_ns <= 0 || parts->runqueue_ns < parts->cpu_ns ||
		parts->runqueue_ns < parts->gc_ns || parts->runqueue_ns < parts->blocked_ns ||
		parts->runqueue_ns < parts->throttled_ns ||
		parts->runqueue_ns < parts->page_fault_ns ||
		parts->runqueue_ns < parts->congestion_ns)
		return false;
	own_share = 1 - parts->runqueue_ns / parts->measured_ns;
	return own_share * (double)duration_ns < (double)threshold_ns;
}

enum finding_cause cause_label(const struct cause_parts *parts)
{
	const struct {
		enum finding_cause cause;
		double ns;
	} ranked[] = {
		{CAUSE_GC, parts->gc_ns},
		{CAUSE_THROTTLED, parts->throttled_ns},
		{CAUSE_PAGE_FAULT, parts->page_fault_ns},
		{CAUSE_BLOCKED, parts->blocked_ns},
		{CAUSE_CONGESTION, parts->congestion_ns},
		{CAUSE_ON_CPU, parts->cpu_ns},
	};
	size_t best = 0;

	if (parts->measured_ns <= 0)
		return CAUSE_UNKNOWN;
	for (size_t i = 1; i < sizeof(ranked) / sizeof(ranked[0]); i++) {
		if (ranked[i].ns > ranked[best].ns)
			best = i;
	}
	return ranked[best].ns > 0 ? ranked[best].cause : CAUSE_UNKNOWN;
}

void cause_shares(const struct cause_parts *parts, double *ret_shares)
{
	const double ns[CAUSES] = {
		[CAUSE_ON_CPU] = parts->cpu_ns,
		[CAUSE_GC] = parts->gc_ns,
		[CAUSE_BLOCKED] = parts->blocked_ns,
		[CAUSE_RUNQUEUE] = parts->runqueue_ns,
		[CAUSE_THROTTLED] = parts->throttled_ns,
		[CAUSE_PAGE_FAULT] = parts->page_fault_ns,
		[CAUSE_CONGESTION] = parts->congestion_ns,
	};

	for (size_t i = 0; i < CAUSES; i++)
		ret_shares[i] = parts->measured_ns > 0 ? ns[i] / parts->measured_ns : 0;
}
