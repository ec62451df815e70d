/* SPDX-License-Identifier: Apache-2.0 */
#include "tally.h"

#include <string.h>

void tally_init(struct tally *tally, uint64_t now)
{
	memset(tally, 0, sizeof(*tally));
	tally->from_ns = tally->pending_from_ns = now;
}

/* Adds what is new in the buckets to those that wait. Returns the floor of the longest one. */
static uint64_t collect(struct tally *tally, const _Atomic uint32_t *buckets)
{
	uint64_t longest_ns = 0;

	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint32_t count = atomic_load_explicit(&buckets[i], memory_order_relaxed);

		if (count == tally->seen[i])
			continue;
		tally->pending[i] += count - tally->seen[i];
		tally->seen[i] = count;
		tally->is_pending = true;
		longest_ns = histogram_floor_ns(i);
	}
	return longest_ns;
}

uint64_t tally_write(struct tally *tally, struct writer *writer, uint32_t loop,
	const struct tally_counters *counters, uint64_t now, bool with_histogram)
{
	struct record_turns record = {
		.loop = loop,
		.from_ns = tally->from_ns,
		.to_ns = now,
		.count = counters->turns - tally->turns,
		.busy_ns = counters->busy_ns - tally->busy_ns,
		.histogram_from_ns = tally->pending_from_ns,
	};

	/* Emptied for another loop, which this tally is not of. */
	if (counters->turns < tally->turns || counters->busy_ns < tally->busy_ns)
		return 0;
	if (record.count)
		record.longest_ns = collect(tally, counters->buckets);
	with_histogram = with_histogram && tally->is_pending;
	if (!record.count && !with_histogram)
		return 0;
	writer_turns(writer, &record, with_histogram ? tally->pending : NULL);
	tally->from_ns = now;
	tally->turns = counters->turns;
	tally->busy_ns = counters->busy_ns;
	if (with_histogram) {
		memset(tally->pending, 0, sizeof(tally->pending));
		tally->pending_from_ns = now;
		tally->is_pending = false;
	}
	return record.count;
}
