/* SPDX-License-Identifier: Apache-2.0 */
/* pools.c - see pools.h. Tier A. */
#include "pools.h"

#include <stddef.h>
#include <string.h>

#include "clock.h"

struct holter_pool pools[POOLS_MAX];
static _Atomic uint32_t last_id;
/* Entries from here on were never used: their pages are none yet, and a fork is not to make them.
 */
static _Atomic uint32_t unused_from;
static _Atomic uint64_t lost, lost_holds;

static void add(_Atomic uint64_t *sum, uint64_t value)
{
	atomic_fetch_add_explicit(sum, value, memory_order_relaxed);
}

/* Takes one away, unless there is none: a program may say too often that something has ended. */
static bool take_one(_Atomic uint32_t *count)
{
	uint32_t seen = atomic_load_explicit(count, memory_order_relaxed);

	while (seen > 0)
		if (atomic_compare_exchange_weak_explicit(
			    count, &seen, seen - 1, memory_order_relaxed, memory_order_relaxed))
			return true;
	return false;
}

/* Adds one, and keeps the greatest number there was. */
static void add_one(_Atomic uint32_t *count, _Atomic uint32_t *most)
{
	uint32_t now = atomic_fetch_add_explicit(count, 1, memory_order_relaxed) + 1;
	uint32_t seen = atomic_load_explicit(most, memory_order_relaxed);

	while (seen < now && !atomic_compare_exchange_weak_explicit(
				     most, &seen, now, memory_order_relaxed, memory_order_relaxed))
		;
}

static void keep_longest(_Atomic uint64_t *longest_ns, uint64_t ns)
{
	uint64_t seen = atomic_load_explicit(longest_ns, memory_order_relaxed);

	while (seen < ns && !atomic_compare_exchange_weak_explicit(longest_ns, &seen, ns,
				    memory_order_relaxed, memory_order_relaxed))
		;
}

static void reset(struct holter_pool *pool, uint64_t begin_ns)
{
	pool->id = atomic_fetch_add_explicit(&last_id, 1, memory_order_relaxed) + 1;
	pool->begin_ns = begin_ns;
	atomic_store_explicit(&pool->held, 0, memory_order_relaxed);
	atomic_store_explicit(&pool->waiting, 0, memory_order_relaxed);
	atomic_store_explicit(&pool->untimed, 0, memory_order_relaxed);
	atomic_store_explicit(&pool->held_most, 0, memory_order_relaxed);
	atomic_store_explicit(&pool->waiting_most, 0, memory_order_relaxed);
	atomic_store_explicit(&pool->longest_hold_ns, 0, memory_order_relaxed);
	atomic_store_explicit(&pool->longest_wait_ns, 0, memory_order_relaxed);
	atomic_store_explicit(&pool->acquisitions, 0, memory_order_relaxed);
	atomic_store_explicit(&pool->hold_ns, 0, memory_order_relaxed);
	atomic_store_explicit(&pool->waits, 0, memory_order_relaxed);
	atomic_store_explicit(&pool->wait_ns, 0, memory_order_relaxed);
	for (size_t i = 0; i < POOL_HOLDS_MAX; i++) {
		atomic_store_explicit(&pool->holds[i].connection, 0, memory_order_relaxed);
		atomic_store_explicit(&pool->holds[i].begin_ns, 0, memory_order_relaxed);
	}
}

static struct holter_pool *claim(void)
{
	for (uint32_t i = 0; i < POOLS_MAX; i++) {
		uint32_t expected = POOL_FREE, from;

		if (atomic_compare_exchange_strong_explicit(&pools[i].state, &expected,
			    POOL_CLAIMED, memory_order_acquire, memory_order_relaxed)) {
			from = atomic_load_explicit(&unused_from, memory_order_relaxed);
			while (from <= i &&
				!atomic_compare_exchange_weak(&unused_from, &from, i + 1))
				;
			return &pools[i];
		}
	}
	add(&lost, 1);
	return NULL;
}

struct holter_pool *pools_new(const char *name, uint32_t size, uint64_t begin_ns)
{
	size_t length = name ? strlen(name) : 0;
	struct holter_pool *pool = claim();

	if (!pool)
		return NULL;
	if (length >= POOL_NAME_BYTES) {
		length = POOL_NAME_BYTES - 1;
		/* Not inside a character. */
		while (length > 0 && ((uint8_t)name[length] & 0xC0) == 0x80)
			length--;
	}
	if (length > 0)
		memcpy(pool->name, name, length);
	pool->name[length] = '\0';
	pools_resize(pool, size);
	reset(pool, begin_ns);
	atomic_store_explicit(&pool->state, POOL_LIVE, memory_order_release);
	return pool;
}

void pools_free(struct holter_pool *pool, bool is_watched)
{
	atomic_store_explicit(
		&pool->state, is_watched ? POOL_CLOSED : POOL_FREE, memory_order_release);
}

void pools_resize(struct holter_pool *pool, uint32_t size)
{
	atomic_store_explicit(&pool->size, size, memory_order_relaxed);
}

uint64_t pools_wait_begin(struct holter_pool *pool)
{
	add_one(&pool->waiting, &pool->waiting_most);
	return clock_now_ns();
}

void pools_wait_end(struct holter_pool *pool, uint64_t begin_ns)
{
	uint64_t now = clock_now_ns(), waited_ns = now > begin_ns ? now - begin_ns : 0;

	/* It began before a fork, or never. */
	if (begin_ns < pool->begin_ns || !take_one(&pool->waiting))
		return;
	add(&pool->waits, 1);
	add(&pool->wait_ns, waited_ns);
	keep_longest(&pool->longest_wait_ns, waited_ns);
}

/* Where the search for a connection begins: pointers differ in their middle bits. */
static size_t first_entry(uint64_t connection)
{
	return (connection * UINT64_C(0x9E3779B97F4A7C15)) >> 56;
}
_Static_assert(POOL_HOLDS_MAX == 1 << 8, "first_entry yields eight bits");

static struct pool_hold *entry(struct holter_pool *pool, size_t index)
{
	return &pool->holds[index % POOL_HOLDS_MAX];
}

void pools_acquired(struct holter_pool *pool, uint64_t connection)
{
	size_t first = first_entry(connection), i = 0;

	add(&pool->acquisitions, 1);
	for (; connection && i < POOL_HOLDS_MAX; i++) {
		struct pool_hold *hold = entry(pool, first + i);
		uint64_t expected = 0;

		if (!atomic_load_explicit(&hold->connection, memory_order_relaxed) &&
			atomic_compare_exchange_strong_explicit(&hold->connection, &expected,
				connection, memory_order_acquire, memory_order_relaxed)) {
			atomic_store_explicit(
				&hold->begin_ns, clock_now_ns(), memory_order_relaxed);
			break;
		}
	}
	if (!connection || i == POOL_HOLDS_MAX) {
		atomic_fetch_add_explicit(&pool->untimed, 1, memory_order_relaxed);
		add(&lost_holds, 1);
	}
	add_one(&pool->held, &pool->held_most);
}

/* The entry of a connection, or null. Entries before it may have become free again. */
static struct pool_hold *find(struct holter_pool *pool, uint64_t connection)
{
	size_t first = first_entry(connection);

	for (size_t i = 0; connection && i < POOL_HOLDS_MAX; i++) {
		struct pool_hold *hold = entry(pool, first + i);

		if (atomic_load_explicit(&hold->connection, memory_order_relaxed) == connection)
			return hold;
	}
	return NULL;
}

void pools_released(struct holter_pool *pool, uint64_t connection)
{
	struct pool_hold *hold = find(pool, connection);
	uint64_t begin_ns, now, held_ns;

	if (hold) {
		begin_ns = atomic_exchange_explicit(&hold->begin_ns, 0, memory_order_relaxed);
		atomic_store_explicit(&hold->connection, 0, memory_order_release);
		now = clock_now_ns();
		held_ns = now > begin_ns ? now - begin_ns : 0;
		add(&pool->hold_ns, held_ns);
		keep_longest(&pool->longest_hold_ns, held_ns);
	} else if (!take_one(&pool->untimed)) {
		return;
	}
	take_one(&pool->held);
}

static uint64_t oldest_hold_ns(const struct holter_pool *pool, uint64_t now_ns)
{
	uint64_t oldest_ns = 0;

	for (size_t i = 0; i < POOL_HOLDS_MAX; i++) {
		uint64_t begin_ns =
			atomic_load_explicit(&pool->holds[i].begin_ns, memory_order_relaxed);

		if (begin_ns && begin_ns < now_ns && now_ns - begin_ns > oldest_ns)
			oldest_ns = now_ns - begin_ns;
	}
	return oldest_ns;
}

void pools_look(struct holter_pool *pool, uint64_t now_ns, struct record_pool_state *ret)
{
	uint32_t held = atomic_load_explicit(&pool->held, memory_order_relaxed);
	uint32_t waiting = atomic_load_explicit(&pool->waiting, memory_order_relaxed);

	*ret = (struct record_pool_state){
		.pool = pool->id,
		.time_ns = now_ns,
		.size = atomic_load_explicit(&pool->size, memory_order_relaxed),
		.held = held,
		.waiting = waiting,
		.held_most = atomic_exchange_explicit(&pool->held_most, held, memory_order_relaxed),
		.waiting_most = atomic_exchange_explicit(
			&pool->waiting_most, waiting, memory_order_relaxed),
		.oldest_hold_ns = oldest_hold_ns(pool, now_ns),
		.longest_hold_ns =
			atomic_exchange_explicit(&pool->longest_hold_ns, 0, memory_order_relaxed),
		.longest_wait_ns =
			atomic_exchange_explicit(&pool->longest_wait_ns, 0, memory_order_relaxed),
		.acquisitions = atomic_load_explicit(&pool->acquisitions, memory_order_relaxed),
		.hold_ns = atomic_load_explicit(&pool->hold_ns, memory_order_relaxed),
		.waits = atomic_load_explicit(&pool->waits, memory_order_relaxed),
		.wait_ns = atomic_load_explicit(&pool->wait_ns, memory_order_relaxed),
	};
}

uint64_t pools_lost(void)
{
	return atomic_load_explicit(&lost, memory_order_relaxed);
}

uint64_t pools_lost_holds(void)
{
	return atomic_load_explicit(&lost_holds, memory_order_relaxed);
}

void pools_begin_anew(uint64_t now_ns)
{
	atomic_store_explicit(&lost, 0, memory_order_relaxed);
	atomic_store_explicit(&lost_holds, 0, memory_order_relaxed);
	for (uint32_t i = 0; i < atomic_load_explicit(&unused_from, memory_order_relaxed); i++) {
		uint32_t state = atomic_load_explicit(&pools[i].state, memory_order_relaxed);

		if (state == POOL_LIVE)
			reset(&pools[i], now_ns);
		else
			atomic_store_explicit(&pools[i].state, POOL_FREE, memory_order_relaxed);
	}
}
