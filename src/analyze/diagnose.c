/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diagnose.c - the whole analysis of a recording: findings, worst first, the loops' figures, and
 * what the recording cannot say.
 *
 * Tier C. Data: struct recording -> struct diagnosis.
 */
#include <stdlib.h>

#include "finding.h"
#include "loop.h"
#include "stall.h"
#include "unobserved.h"

static const double NS_PER_S = 1e9;

static int worst_first(const void *left, const void *right)
{
	const struct finding *a = left, *b = right;

	if (a->severity != b->severity)
		return a->severity > b->severity ? -1 : 1;
	if (a->stall.total_ms != b->stall.total_ms)
		return a->stall.total_ms > b->stall.total_ms ? -1 : 1;
	return 0;
}

int diagnose(struct diagnosis *ret, struct recording *recording)
{
	struct diagnosis diagnosis = {.recording = recording};
	uint64_t span_ns = recording->last_ns - recording->first_ns;
	int error;

	if (span_ns > recording->missing_ns)
		diagnosis.seconds = (double)(span_ns - recording->missing_ns) / NS_PER_S;
	loop_measure(&diagnosis, recording);
	error = stall_findings(&diagnosis, recording);
	if (error)
		return error;
	qsort(diagnosis.findings, diagnosis.finding_count, sizeof(*diagnosis.findings),
		worst_first);
	for (size_t i = 0; i < diagnosis.finding_count; i++)
		diagnosis.findings[i].id = (unsigned)i + 1;
	unobserved_collect(&diagnosis, recording);
	*ret = diagnosis;
	return 0;
}

const char *finding_kind_name(enum finding_kind kind)
{
	static const char *const names[] = {
		[FINDING_STALL] = "stall",
		[FINDING_HEAP_GROWTH] = "heap-growth",
		[FINDING_POOL_EXHAUSTION] = "pool-exhaustion",
	};

	return names[kind];
}

const char *finding_cause_name(enum finding_cause cause)
{
	static const char *const names[] = {
		[CAUSE_UNKNOWN] = "unknown",
		[CAUSE_ON_CPU] = "on-cpu",
		[CAUSE_GC] = "gc",
		[CAUSE_BLOCKED] = "blocked",
		[CAUSE_RUNQUEUE] = "runqueue",
		[CAUSE_THROTTLED] = "throttled",
		[CAUSE_PAGE_FAULT] = "page-fault",
		[CAUSE_CONGESTION] = "congestion",
	};

	return names[cause];
}

const char *severity_name(enum severity severity)
{
	static const char *const names[] = {
		[SEVERITY_INFO] = "info",
		[SEVERITY_WARNING] = "warning",
		[SEVERITY_CRITICAL] = "critical",
	};

	return names[severity];
}
