/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weigh.h - how much of a stall's time each of its samples stands for.
 *
 * The time on a CPU is parted by the clock: its samples are even, so each stands for what has
 * passed on the CPU since the one before. The time away from it belongs to where the thread left,
 * and to no more than that: threads leave mostly in certain places (collecting, reading), and a
 * sample of leaving that stood for the computing before it would make these places look busy. Where
 * the clock met the thread nowhere, the other samples are all there is, and stand for that as well.
 *
 * The weights of a stall that has ended make up the whole of it.
 *
 * Tier C. Data: samples with the times of their turn -> a writer.
 */
#pragma once

#include <stdbool.h>

#include "writer.h"

enum { WEIGH_UNMET_MAX = 16 };

enum weigh_kind {
	WEIGH_CLOCK,  /* the thread ran */
	WEIGH_LEAVES, /* it ran, and was just leaving its CPU */
	WEIGH_ASLEEP, /* it was away */
};

/* A moment of a turn: what has passed since its beginning, and how much of that off the CPU. */
struct weigh_moment {
	uint64_t passed_ns, away_ns;
};

struct weighed {
	struct record_sample record; /* stall 0: none */
	bool collects;               /* its runtime's garbage */
};

/* The samples of one stall. Zeroed, it is of none. */
struct weigh {
	uint64_t cpu_ns, away_ns; /* given to samples so far */
	uint64_t gc_ns;           /* of that, to samples that collect */
	uint32_t samples;         /* written */
	struct weighed clocked;   /* the clock's last one: what follows it may be its own as well */
	struct weighed left;      /* where the thread has left its CPU, until the next sample */
	/* The first samples, while the clock has met none; cpu_ns: of the turn until then. */
	struct weighed unmet[WEIGH_UNMET_MAX];
	unsigned unmet_count;
	bool is_met; /* by the clock */
};

/*
 * Takes a sample, as it is but for its weight, and writes what is certain by now. Samples come in
 * order. `on` is valid where the kind is WEIGH_ASLEEP only.
 */
void weigh_add(struct weigh *weigh, struct writer *writer, enum weigh_kind kind,
	const struct record_sample *sample, bool collects, const struct weigh_moment *at);
/* The stall has ended, then: gives what is left of it. */
void weigh_end(struct weigh *weigh, struct writer *writer, const struct weigh_moment *at);
/* Nothing more will be known of the stall: writes what was held back. */
void weigh_stop(struct weigh *weigh, struct writer *writer);
