/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traps.h - when a thread last made a system call at one of a few places: breakpoints of the CPU on
 * the `syscall` instructions there, for this thread alone, set through perf events. Nothing is
 * written into the process and no signal is sent; the thread spends about a microsecond at each
 * hit. To bound that, a trap goes off a few times and is then spent until it is set again.
 *
 * Tier C. Data: the thread's passing by -> struct trap_hit.
 */
#pragma once

#include "perf.h"

enum {
	TRAPS_MAX = 4, /* a CPU of this kind has four */
	TRAPS_HITS = 8,
};

struct traps {
	pid_t tid;
	int carrier; /* an event that never happens, whose ring the others write to; -1: not open */
	struct perf_ring ring;
	struct trap {
		uint64_t address;
		int fd; /* -1: none */
		uint32_t hits;
	} traps[TRAPS_MAX];
	size_t count;
	bool is_set; /* all of them, and none is spent as far as hits have been taken */
};

struct trap_hit {
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	int64_t call;
	uint64_t argument; /* the first */
};

/* Nothing is opened yet. */
void traps_init(struct traps *traps, pid_t tid);
void traps_done(struct traps *traps);
/*
 * Sets traps at these addresses, at most TRAPS_MAX: every call from there on is a hit, up to
 * TRAPS_HITS at an address. Returns 0 or a negative errno: -EACCES, -EPERM: not for this user;
 * -ENOSPC: a debugger has them.
 */
int traps_set(struct traps *traps, const uint64_t *addresses, size_t count);
/* Costs the thread nothing any more. Hits stay to be taken. */
void traps_unset(struct traps *traps);
/* Takes the oldest hit. False: there is none. A spent trap is no longer set. */
bool traps_next(struct traps *traps, struct trap_hit *ret);
