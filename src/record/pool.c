/* SPDX-License-Identifier: Apache-2.0 */
/* pool.c - see pool.h. Tier C. */
#include "pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { SLAB_BYTES = 1 << 20, ALIGNMENT = 16, IDMAP_FIRST = 64, VECTOR_FIRST = 16 };

struct slab {
	struct slab *next;
	size_t used, size;
	_Alignas(ALIGNMENT) uint8_t bytes[];
};

struct pool {
	struct slab *slabs; /* the first is being filled */
	size_t budget;      /* bytes left */
	size_t whole_budget;
	void **arrays; /* of the vectors */
	size_t array_count;
};

struct pool *pool_new(size_t budget)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (pool)
		pool->budget = pool->whole_budget = budget;
	return pool;
}

static void slabs_free(struct slab *slab)
{
	while (slab) {
		struct slab *next = slab->next;

		free(slab);
		slab = next;
	}
}

void pool_free(struct pool *pool)
{
	if (!pool)
		return;
	slabs_free(pool->slabs);
	for (size_t i = 0; i < pool->array_count; i++)
		free(pool->arrays[i]);
	free(pool->arrays);
	free(pool);
}

void *pool_take(struct pool *pool, size_t size)
{
	struct slab *slab = pool->slabs;
	void *memory;

	if (size > pool->budget)
		return NULL;
	size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (!slab || size > slab->size - slab->used) {
		size_t slab_size = size > SLAB_BYTES ? size : SLAB_BYTES;

		slab = malloc(sizeof(*slab) + slab_size);
		if (!slab)
			return NULL;
		slab->next = pool->slabs;
		slab->used = 0;
		slab->size = slab_size;
		pool->slabs = slab;
	}
	memory = slab->bytes + slab->used;
	slab->used += size;
	pool->budget -= size < pool->budget ? size : pool->budget;
	return memset(memory, 0, size);
}

void pool_reset(struct pool *pool)
{
	struct slab *slab = pool->slabs;

	if (slab) {
		slabs_free(slab->next);
		slab->next = NULL;
		slab->used = 0;
	}
	pool->budget = pool->whole_budget;
}

void pool_set_budget(struct pool *pool, size_t budget)
{
	pool->budget = pool->whole_budget = budget;
}

void pool_add_budget(struct pool *pool, size_t bytes)
{
	pool->budget += bytes;
	pool->whole_budget += bytes;
}

static bool vector_register(struct pool *pool, struct vector *vector)
{
	void **arrays = reallocarray(pool->arrays, pool->array_count + 1, sizeof(*arrays));

	if (!arrays)
		return false;
	arrays[pool->array_count] = NULL;
	pool->arrays = arrays;
	vector->slot = ++pool->array_count;
	return true;
}

static bool vector_grow(struct pool *pool, struct vector *vector)
{
	size_t more = vector->capacity > 0 ? vector->capacity : VECTOR_FIRST;
	void *items;

	if (vector->slot == 0 && !vector_register(pool, vector))
		return false;
	if (more > pool->budget / vector->item_size)
		return false;
	items = reallocarray(vector->items, vector->capacity + more, vector->item_size);
	if (!items)
		return false;
	pool->budget -= more * vector->item_size;
	pool->arrays[vector->slot - 1] = items;
	vector->items = items;
	vector->capacity += more;
	return true;
}

void *vector_push(struct pool *pool, struct vector *vector)
{
	void *item;

	if (vector->count == vector->capacity && !vector_grow(pool, vector))
		return NULL;
	item = (uint8_t *)vector->items + vector->count++ * vector->item_size;
	return memset(item, 0, vector->item_size);
}

/* The finaliser of MurmurHash3 around a random seed. */
static uint64_t mix(uint64_t key, uint64_t seed)
{
	key ^= seed;
	key = (key ^ key >> 33) * UINT64_C(0xff51afd7ed558ccd);
	key = (key ^ key >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	key += seed;
	key = (key ^ key >> 33) * UINT64_C(0xff51afd7ed558ccd);
	return key ^ key >> 33;
}

int64_t idmap_find(const struct idmap *map, uint64_t key)
{
	size_t mask = map->capacity - 1;

	if (map->capacity == 0)
		return -1;
	for (size_t i = mix(key, map->seed) & mask; map->values[i] != 0; i = (i + 1) & mask) {
		if (map->keys[i] == key)
			return (int64_t)map->values[i] - 1;
	}
	return -1;
}

static void idmap_put(struct idmap *map, uint64_t key, uint32_t stored)
{
	size_t mask = map->capacity - 1, i = mix(key, map->seed) & mask;

	while (map->values[i] != 0)
		i = (i + 1) & mask;
	map->keys[i] = key;
	map->values[i] = stored;
}

static int idmap_grow(struct pool *pool, struct idmap *map)
{
	struct idmap old = *map;

	/* Without randomness a map works just as well on files that nobody has crafted. */
	if (map->capacity == 0 && getrandom(&map->seed, sizeof(map->seed), GRND_NONBLOCK) < 0)
		map->seed = (uint64_t)(uintptr_t)pool;
	map->capacity = old.capacity > 0 ? 2 * old.capacity : IDMAP_FIRST;
	map->keys = pool_take(pool, map->capacity * sizeof(*map->keys));
	map->values = pool_take(pool, map->capacity * sizeof(*map->values));
	if (!map->keys || !map->values) {
		*map = old;
		return -ENOMEM;
	}
	for (size_t i = 0; i < old.capacity; i++) {
		if (old.values[i] != 0)
			idmap_put(map, old.keys[i], old.values[i]);
	}
	return 0;
}

int idmap_add(struct pool *pool, struct idmap *map, uint64_t key, uint32_t value)
{
	/* At most half full. */
	if (2 * (map->count + 1) > map->capacity) {
		int error = idmap_grow(pool, map);

		if (error < 0)
			return error;
	}
	idmap_put(map, key, value + 1);
	map->count++;
	return 0;
}
