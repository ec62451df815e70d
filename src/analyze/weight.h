/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weight.h - how much a sample counts. A recording may claim anything: weights are bounded, so that
 * no sum of them overflows, and above 0, so that a sample without weight still shows where the
 * thread was.
 *
 * Tier C.
 */
#pragma once

#include "recording.h"

/* A quarter of an hour; a file of 64 MiB holds fewer than 2^23 samples. */
#define WEIGHT_MAX_NS (UINT64_C(1) << 40)

static inline uint64_t weight_of_sample(const struct record_sample *sample)
{
	return (sample->weight_ns < WEIGHT_MAX_NS ? sample->weight_ns : WEIGHT_MAX_NS) + 1;
}
