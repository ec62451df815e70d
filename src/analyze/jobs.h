/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobs.h - threads that have an event loop and do not turn it: a worker of Node's that sleeps in
 * Atomics.wait waits there for the next job (piscina, threads of WebAssembly), all within one turn
 * that never ends. What it does between is its work, and holds up nobody. On the main thread the
 * same sleep is a stall like any other, and so it is on a worker that serves requests and sleeps
 * there now and then (synckit): a taker of jobs spends most of its long turns in it, or if it is
 * busy most of them in the one that does not end; who waits at the same place is another of its
 * pool.
 *
 * Tier C. Data: recording.stalls and samples -> the loops of such threads.
 */
#pragma once

#include "recording.h"

struct jobs {
	bool *loops; /* whether the one at this place is one */
	size_t count;
};

/* Owned by the recording. */
void jobs_find(struct jobs *ret, struct recording *recording);
/* Whether a loop, which may be null, is one of them. */
bool jobs_has(const struct jobs *jobs, const struct loop *loop);
