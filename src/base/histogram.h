/* SPDX-License-Identifier: Apache-2.0 */
/*
 * histogram.h - log-linear buckets for durations, at most 1 % wide: 128 buckets an octave, from
 * 1 ns (everything below 128 ns is exact) to 2^42 ns (73 min); longer durations share the last.
 * The server counts in them, the recording stores them, the tool reads them.
 * Tier A.
 */
#pragma once

#include <stdint.h>

enum {
	HISTOGRAM_SUB_BITS = 7,
	HISTOGRAM_OCTAVES = 36,
	HISTOGRAM_BUCKETS = (HISTOGRAM_OCTAVES + 1) << HISTOGRAM_SUB_BITS,
};

/* The bucket that holds a duration. */
static inline uint32_t histogram_bucket(uint64_t ns)
{
	/* The bit that is set keeps the shift from falling below 0, where each value is a bucket.
	 */
	uint32_t shift = 63 - HISTOGRAM_SUB_BITS -
			 (uint32_t)__builtin_clzll(ns | (1u << HISTOGRAM_SUB_BITS));
	uint32_t bucket = (shift << HISTOGRAM_SUB_BITS) + (uint32_t)(ns >> shift);

	return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The smallest duration of a bucket, nanoseconds. */
static inline uint64_t histogram_floor_ns(uint32_t bucket)
{
	uint32_t shift;

	if (bucket < (2u << HISTOGRAM_SUB_BITS))
		return bucket;
	shift = (bucket >> HISTOGRAM_SUB_BITS) - 1;
	return (uint64_t)((bucket & ((1u << HISTOGRAM_SUB_BITS) - 1)) | (1u << HISTOGRAM_SUB_BITS))
	       << shift;
}
