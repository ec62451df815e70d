/* SPDX-License-Identifier: Apache-2.0 */
/* minute.c - see minute.h. */
#include "minute.h"

#include <stdlib.h>

#define MINUTE_NS UINT64_C(60000000000)

struct span {
	uint64_t begin_ns, end_ns;
};

static int by_begin(const void *left, const void *right)
{
	const struct span *a = left, *b = right;

	return a->begin_ns < b->begin_ns ? -1 : a->begin_ns > b->begin_ns;
}

static uint64_t length(const struct span *span, uint64_t from_ns)
{
	uint64_t begin_ns = span->begin_ns > from_ns ? span->begin_ns : from_ns;

	return span->end_ns > begin_ns ? span->end_ns - begin_ns : 0;
}

/* A worst minute ends with a stall. The turns of a loop follow each other. */
double minute_worst_share(
	const uint32_t *stalls, size_t count, const struct loop *loop, struct recording *recording)
{
	struct span *spans = recording_alloc(recording, (count + 1) * sizeof(*spans));
	uint64_t worst_ns = 0, whole_ns = 0;
	size_t used = 0;

	if (recording->last_ns - recording->first_ns < MINUTE_NS)
		return 0;
	for (size_t i = 0; i < count; i++) {
		const struct stall *stall = &recording->stalls[stalls[i]];

		if (stall->loop == loop)
			spans[used++] = (struct span){stall->record.begin_ns,
				stall->record.begin_ns + stall->record.duration_ns};
	}
	qsort(spans, used, sizeof(*spans), by_begin);
	/* whole_ns: of those between the first that reaches into the minute and the last. */
	for (size_t first = 0, last = 0; last < used; last++) {
		uint64_t end_ns = spans[last].end_ns, lost_ns;
		uint64_t from_ns = end_ns > MINUTE_NS ? end_ns - MINUTE_NS : 0;

		if (last > first)
			whole_ns += length(&spans[last], 0);
		while (first < last && spans[first].end_ns <= from_ns)
			whole_ns -= length(&spans[++first], 0);
		lost_ns = length(&spans[first], from_ns) + whole_ns;
		if (lost_ns > worst_ns)
			worst_ns = lost_ns;
	}
	return worst_ns < MINUTE_NS ? (double)worst_ns / (double)MINUTE_NS : 1;
}
