/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker.h - looks addresses up in one ELF file in a child process of its own, which has given up
 * all privilege and is bounded in memory and time: a corrupt or hostile file costs its own names
 * and nothing else (hazard 48). What the child says is checked like any input.
 *
 * Tier C. Data: offsets in a file -> struct place through a pipe.
 */
#pragma once

#include "module.h"

enum worker_outcome {
	WORKER_DONE,
	WORKER_CHANGED,    /* the file is not the recorded one */
	WORKER_UNREADABLE, /* no ELF file, corrupt or too costly; answers before that count */
};

struct answer {
	size_t count;         /* 0: nothing known */
	struct place *places; /* innermost first */
};

struct answers {
	struct answer *entries; /* as many as offsets were asked for */
	struct place *places;   /* private: storage */
	char *text;             /* private: storage */
};

/*
 * Looks up `count` offsets. Ends the child at `deadline_ns` (CLOCK_MONOTONIC). Returns a
 * worker_outcome, or -ENOMEM. The answers are the caller's and valid (perhaps empty) with every
 * outcome: free with worker_done.
 */
int worker_lookup(struct answers *ret, const struct module_source *source, const uint64_t *offsets,
	size_t count, uint64_t deadline_ns);
void worker_done(struct answers *answers);
