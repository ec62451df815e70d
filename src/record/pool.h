/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.h - the tool's memory for one recording: bump allocation that is given back as a whole,
 * under a budget, because a small hostile file can ask for a lot (hazard 47). Tier C.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool;

/* Returns null if out of memory. budget: bytes that may be taken in all. */
struct pool *pool_new(size_t budget);
void pool_free(struct pool *pool);
/* Returns zeroed memory, aligned to 16 bytes, or null if the budget or memory is used up. */
void *pool_take(struct pool *pool, size_t size);
/* Gives everything back and begins anew, keeping one slab. */
void pool_reset(struct pool *pool);
void pool_set_budget(struct pool *pool, size_t budget);
void pool_add_budget(struct pool *pool, size_t bytes);

/*
 * An array that grows, for what is not known to be complete yet. Its memory counts against the
 * pool's budget and is moved when it grows; the pool frees it in the end.
 */
struct vector {
	void *items;
	size_t count, capacity, item_size;
	size_t slot; /* of the pool's list of vectors, plus 1; 0: none yet */
};

/* Appends a zeroed item and returns it (valid until the next push), or null. */
void *vector_push(struct pool *pool, struct vector *vector);

/* A map from ids to numbers, in the pool's memory. Ids may be chosen by an enemy. */
struct idmap {
	uint64_t *keys;
	uint32_t *values; /* value + 1; 0: free */
	size_t count, capacity;
	uint64_t seed;
};

/* Returns the value of a key, or -1. */
int64_t idmap_find(const struct idmap *map, uint64_t key);
/* Adds a key that is not in the map. Returns 0 or -ENOMEM. */
int idmap_add(struct pool *pool, struct idmap *map, uint64_t key, uint32_t value);
