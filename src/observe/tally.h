/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally.h - the turns of one loop, as the recording has them: what was counted since the last
 * second, and every so often a histogram of what was counted since the last one. The counters are
 * somebody else's, who only ever adds to them. Tier B.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "histogram.h"
#include "writer.h"

/* Counters of a loop. The buckets wrap; relaxed. */
struct tally_counters {
	uint64_t turns, busy_ns;
	const _Atomic uint32_t *buckets; /* HISTOGRAM_BUCKETS */
};

struct tally {
	uint64_t turns, busy_ns;             /* seen last */
	uint32_t seen[HISTOGRAM_BUCKETS];    /* of the buckets */
	uint32_t pending[HISTOGRAM_BUCKETS]; /* counted since the last histogram was written */
	uint64_t from_ns, pending_from_ns;
	bool is_pending;
};

/* Counting begins, from zero. */
void tally_init(struct tally *tally, uint64_t now);
/* Writes what has been counted since the last call, if there is anything. Returns the turns.
 * Counters that have gone back are not believed. */
uint64_t tally_write(struct tally *tally, struct writer *writer, uint32_t loop,
	const struct tally_counters *counters, uint64_t now, bool with_histogram);
