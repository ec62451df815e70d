/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cause.c - where the wall time of stalls went.
 *
 * Tier C. Data: the figures of one stall or the sum of many -> shares, label.
 */
#include "cause.h"

/* Takes as much of `amount` out of a part as there is; returns the rest of the amount. */
static double take(double *part, double amount)
{
	double taken = amount < *part ? amount : *part;

	*part -= taken;
	return amount - taken;
}

void cause_add(struct cause_parts *parts, const struct stall *stall, const struct sample *samples)
{
	double measured = (double)stall->record.measured_ns, cpu = (double)stall->record.cpu_ns;
	double gc, throttled, runqueue, blocked, rest;

	if (measured == 0) {
		cpu = 0;
		for (size_t i = 0; i < stall->sample_count; i++) {
			measured += (double)samples[i].record.weight_ns;
			cpu += (double)samples[i].record.cpu_ns;
		}
	}
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
	/* Collecting keeps a CPU busy, but the main thread also sleeps while helpers mark. */
	gc = (double)stall->record.gc_ns;
	gc -= take(&runqueue, take(&blocked, take(&cpu, gc)));

	parts->measured_ns += measured;
	parts->cpu_ns += cpu;
	parts->gc_ns += gc;
	parts->blocked_ns += blocked;
	parts->runqueue_ns += runqueue;
	parts->throttled_ns += throttled;
}

bool cause_is_host(const struct cause_parts *parts, uint64_t duration_ns, uint64_t threshold_ns)
{
	double own_share;

	if (parts->measured_ns <= 0 || parts->runqueue_ns < parts->cpu_ns ||
		parts->runqueue_ns < parts->gc_ns || parts->runqueue_ns < parts->blocked_ns ||
		parts->runqueue_ns < parts->throttled_ns)
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
		{CAUSE_BLOCKED, parts->blocked_ns},
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
