/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pools.h - the connection pools that the program has annotated: counters that its threads move as
 * connections are acquired and released. No lock, no system call, no memory but a fixed table.
 *
 * Data: annotations.c -> struct holter_pool -> Holter's thread (pool_watch.c), which reads.
 * Tier A. What is done with a pool's figures is not here.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "event.h"

enum {
	POOLS_MAX = 32,
	POOL_HOLDS_MAX = 256, /* connections of a pool that are timed at once */
	POOL_NAME_BYTES = 64,
};

/* A connection that is held. */
struct pool_hold {
	/* As the program calls it; 0: the entry is free. acquire: taken; release: given back, so
	 * that a time is never another connection's. */
	_Atomic uint64_t connection;
	_Atomic uint64_t begin_ns; /* relaxed; 0: not said yet */
};

struct holter_pool {
	/* Fixed before `state` says so. */
	uint32_t id; /* from 1, unique in the recording */
	uint64_t begin_ns;
	char name[POOL_NAME_BYTES];
	_Atomic uint32_t state; /* enum pool_state */

	/* Moved by any thread of the program; relaxed. */
	_Atomic uint32_t size;
	_Alignas(64) _Atomic uint32_t held, waiting;
	_Atomic uint32_t untimed;                 /* of those held: there was no entry free */
	_Atomic uint32_t held_most, waiting_most; /* since Holter's thread looked last */
	_Atomic uint64_t longest_hold_ns, longest_wait_ns;      /* likewise, of those that ended */
	_Atomic uint64_t acquisitions, hold_ns, waits, wait_ns; /* since begin_ns */
	struct pool_hold holds[POOL_HOLDS_MAX];
};

enum pool_state {
	POOL_FREE,
	POOL_CLAIMED,
	POOL_LIVE,   /* release by the program: all fixed fields are set */
	POOL_CLOSED, /* release by the program: it has taken the pool back. Holter's thread frees it
		      */
};

extern struct holter_pool pools[POOLS_MAX];

/*
 * Returns an entry of the table, or null if there is none (counted). The name is copied, and cut.
 * begin_ns: now; 0: not known.
 */
struct holter_pool *pools_new(const char *name, uint32_t size, uint64_t begin_ns);
/* is_watched: whether Holter's thread is to read it once more. */
void pools_free(struct holter_pool *pool, bool is_watched);
void pools_resize(struct holter_pool *pool, uint32_t size);
/* A wait is known by its beginning. */
uint64_t pools_wait_begin(struct holter_pool *pool);
void pools_wait_end(struct holter_pool *pool, uint64_t begin_ns);
void pools_acquired(struct holter_pool *pool, uint64_t connection);
void pools_released(struct holter_pool *pool, uint64_t connection);

/* Holter's thread: the pool's figures now; what counts from one look to the next begins anew. */
void pools_look(struct holter_pool *pool, uint64_t now_ns, struct record_pool_state *ret);
/* Since the process began: pools that had no entry; holds that had none, of all pools. */
uint64_t pools_lost(void);
uint64_t pools_lost_holds(void);

/*
 * After fork, in the child: the program has its pools still, but whoever held or waited may be in
 * the parent alone. Every pool is a new one, with nothing counted.
 */
void pools_begin_anew(uint64_t now_ns);
