/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_pools.c - the counters of annotated pools: what is counted is exact, in many threads too,
 * and what a program says by mistake does no harm. Real programs are in
 * tests/integration/annotations.py.
 */
#include "suite.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "pools.h"

static struct record_pool_state state;

static void look(struct holter_pool *pool)
{
	pools_look(pool, clock_now_ns(), &state);
}

/* Pointers as an allocator gives them out. */
static uint64_t connection(size_t number)
{
	return 0x55d0c0de0010 + number * 208;
}

START_TEST(figures)
{
	struct holter_pool *pool = pools_new("orders", 3, clock_now_ns());
	uint64_t begin = clock_now_ns(), wait = pools_wait_begin(pool);

	ck_assert_str_eq(pool->name, "orders");
	pools_acquired(pool, 1);
	pools_acquired(pool, 2);
	look(pool);
	ck_assert_uint_eq(state.pool, pool->id);
	ck_assert_uint_eq(state.size, 3);
	ck_assert_uint_eq(state.held, 2);
	ck_assert_uint_eq(state.waiting, 1);
	ck_assert_uint_gt(state.oldest_hold_ns, 0);
	ck_assert_uint_eq(state.hold_ns, 0);
	ck_assert_uint_eq(state.waits, 0);
	pools_released(pool, 1);
	pools_released(pool, 2);
	pools_wait_end(pool, wait);
	pools_resize(pool, 4);
	look(pool);
	ck_assert_uint_eq(state.size, 4);
	ck_assert_uint_eq(state.held, 0);
	ck_assert_uint_eq(state.waiting, 0);
	ck_assert_uint_eq(state.oldest_hold_ns, 0);
	ck_assert_uint_eq(state.acquisitions, 2);
	ck_assert_uint_eq(state.waits, 1);
	ck_assert_uint_gt(state.hold_ns, state.longest_hold_ns);
	ck_assert_uint_gt(state.longest_hold_ns, 0);
	ck_assert_uint_eq(state.wait_ns, state.longest_wait_ns);
	ck_assert_uint_le(state.wait_ns, clock_now_ns() - begin);
	pools_free(pool, false);
}
END_TEST

/* What is the most, or the longest, is so since the look before. */
START_TEST(each_look_begins_anew)
{
	struct holter_pool *pool = pools_new("orders", 3, clock_now_ns());

	for (uint64_t i = 1; i <= 3; i++)
		pools_acquired(pool, i);
	pools_released(pool, 1);
	pools_wait_end(pool, pools_wait_begin(pool));
	look(pool);
	ck_assert_uint_eq(state.held_most, 3);
	ck_assert_uint_eq(state.waiting_most, 1);
	ck_assert_uint_gt(state.longest_hold_ns, 0);
	look(pool);
	ck_assert_uint_eq(state.held_most, 2);
	ck_assert_uint_eq(state.waiting_most, 0);
	ck_assert_uint_eq(state.longest_hold_ns, 0);
	ck_assert_uint_eq(state.longest_wait_ns, 0);
	ck_assert_uint_eq(state.waits, 1);
	pools_free(pool, false);
}
END_TEST

/* A full table: each connection is found again in whatever order it comes back. */
START_TEST(every_hold_is_found)
{
	struct holter_pool *pool = pools_new("full", 0, clock_now_ns());
	size_t order[POOL_HOLDS_MAX];

	srand(1);
	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < POOL_HOLDS_MAX; i++) {
			size_t other = (size_t)rand() % (i + 1);

			order[i] = order[other];
			order[other] = i;
			pools_acquired(pool, connection(i));
		}
		look(pool);
		ck_assert_uint_eq(state.held, POOL_HOLDS_MAX);
		for (size_t i = 0; i < POOL_HOLDS_MAX; i++)
			pools_released(pool, connection(order[i]));
		look(pool);
		ck_assert_uint_eq(state.held, 0);
		ck_assert_uint_eq(state.oldest_hold_ns, 0);
	}
	ck_assert_uint_eq(pools_lost_holds(), 0);
	pools_free(pool, false);
}
END_TEST

START_TEST(holds_beyond_the_table)
{
	enum { HOLDS = POOL_HOLDS_MAX + 50 };
	struct holter_pool *pool = pools_new("deep", 0, clock_now_ns());

	for (size_t i = 0; i < HOLDS; i++)
		pools_acquired(pool, connection(i));
	look(pool);
	ck_assert_uint_eq(state.held, HOLDS);
	ck_assert_uint_eq(pools_lost_holds(), 50);
	for (size_t i = 0; i < HOLDS; i++)
		pools_released(pool, connection(i));
	pools_released(pool, connection(0));
	look(pool);
	ck_assert_uint_eq(state.held, 0);
	ck_assert_uint_eq(state.held_most, HOLDS);
	ck_assert_uint_eq(state.acquisitions, HOLDS);
	pools_free(pool, false);
}
END_TEST

START_TEST(mistakes)
{
	struct holter_pool *pool = pools_new(NULL, 1, clock_now_ns());
	uint64_t wait = pools_wait_begin(pool);

	ck_assert_str_eq(pool->name, "");
	pools_released(pool, 1);
	pools_released(pool, 0);
	pools_acquired(pool, 0);
	pools_released(pool, 0);
	pools_released(pool, 0);
	pools_wait_end(pool, 0);
	pools_wait_end(pool, wait);
	pools_wait_end(pool, wait);
	/* One connection that two share is held twice. */
	pools_acquired(pool, 5);
	pools_acquired(pool, 5);
	pools_released(pool, 5);
	look(pool);
	ck_assert_uint_eq(state.held, 1);
	ck_assert_uint_eq(state.waiting, 0);
	ck_assert_uint_eq(state.waits, 1);
	ck_assert_uint_eq(state.acquisitions, 3);
	pools_free(pool, false);
}
END_TEST

START_TEST(name_is_cut_between_characters)
{
	/* 62 bytes of text, and a character of two that would not fit as a whole. */
	char name[80] = "";
	struct holter_pool *pool;

	memset(name, 'n', 62);
	strcat(name, "\xc3\xa9t\xc3\xa9");
	pool = pools_new(name, 1, clock_now_ns());
	ck_assert_uint_eq(strlen(pool->name), 62);
	pools_free(pool, false);
	name[61] = '\0';
	strcat(name, "\xc3\xa9");
	pool = pools_new(name, 1, clock_now_ns());
	ck_assert_str_eq(pool->name, name);
	pools_free(pool, false);
}
END_TEST

START_TEST(table_is_bounded)
{
	struct holter_pool *all[POOLS_MAX];

	for (size_t i = 0; i < POOLS_MAX; i++) {
		all[i] = pools_new("one", 1, clock_now_ns());
		ck_assert_ptr_nonnull(all[i]);
	}
	ck_assert_ptr_null(pools_new("more", 1, clock_now_ns()));
	ck_assert_uint_eq(pools_lost(), 1);
	/* Holter's thread has still to read the first; nobody reads the second. */
	pools_free(all[0], true);
	ck_assert_ptr_null(pools_new("more", 1, clock_now_ns()));
	pools_free(all[1], false);
	ck_assert_ptr_eq(pools_new("more", 1, clock_now_ns()), all[1]);
	ck_assert_uint_gt(all[1]->id, all[POOLS_MAX - 1]->id);
	pools_begin_anew(clock_now_ns());
	ck_assert_ptr_eq(pools_new("more", 1, clock_now_ns()), all[0]);
	ck_assert_uint_eq(pools_lost(), 0);
	for (size_t i = 0; i < POOLS_MAX; i++)
		pools_free(all[i], false);
}
END_TEST

START_TEST(a_child_counts_for_itself)
{
	struct holter_pool *pool = pools_new("shared", 4, clock_now_ns());
	uint64_t wait = pools_wait_begin(pool), before = clock_now_ns();
	uint32_t id = pool->id;

	pools_acquired(pool, 1);
	while (clock_now_ns() == before)
		;
	pools_begin_anew(clock_now_ns());
	ck_assert_uint_gt(pool->id, id);
	pools_wait_end(pool, wait);
	pools_released(pool, 1);
	pools_acquired(pool, 2);
	look(pool);
	ck_assert_uint_eq(state.size, 4);
	ck_assert_uint_eq(state.held, 1);
	ck_assert_uint_eq(state.waiting, 0);
	ck_assert_uint_eq(state.waits, 0);
	ck_assert_uint_eq(state.acquisitions, 1);
	pools_free(pool, false);
}
END_TEST

enum { THREADS = 4, USES = 50000 };

static void *use(void *pool)
{
	char own;

	for (size_t i = 0; i < USES; i++) {
		uint64_t wait = pools_wait_begin(pool);

		pools_acquired(pool, (uint64_t)(uintptr_t)&own + i % 8);
		pools_wait_end(pool, wait);
		pools_released(pool, (uint64_t)(uintptr_t)&own + i % 8);
	}
	return NULL;
}

START_TEST(threads_lose_nothing)
{
	struct holter_pool *pool = pools_new("threads", 2, clock_now_ns());
	pthread_t users[THREADS];
	uint32_t most = 0;

	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&users[i], NULL, use, pool), 0);
	for (size_t i = 0; i < 1000; i++) {
		look(pool);
		ck_assert_uint_le(state.held, THREADS);
		ck_assert_uint_le(state.waiting, THREADS);
		ck_assert_uint_lt(state.oldest_hold_ns, UINT64_C(100000000000));
		most = state.held_most > most ? state.held_most : most;
	}
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(users[i], NULL);
	look(pool);
	/* They may all have begun after the looks above. */
	most = state.held_most > most ? state.held_most : most;
	ck_assert_uint_eq(state.held, 0);
	ck_assert_uint_eq(state.waiting, 0);
	ck_assert_uint_eq(state.oldest_hold_ns, 0);
	ck_assert_uint_eq(state.acquisitions, THREADS * USES);
	ck_assert_uint_eq(state.waits, THREADS * USES);
	ck_assert_uint_ge(most, 1);
	ck_assert_uint_le(most, THREADS);
	ck_assert_uint_eq(pools_lost_holds(), 0);
	pools_free(pool, false);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("pools");
	TCase *counting = tcase_create("counting");

	tcase_add_test(counting, figures);
	tcase_add_test(counting, each_look_begins_anew);
	tcase_add_test(counting, every_hold_is_found);
	tcase_add_test(counting, holds_beyond_the_table);
	tcase_add_test(counting, mistakes);
	tcase_add_test(counting, name_is_cut_between_characters);
	tcase_add_test(counting, table_is_bounded);
	tcase_add_test(counting, a_child_counts_for_itself);
	tcase_add_test(counting, threads_lose_nothing);
	tcase_set_timeout(counting, 60);
	suite_add_tcase(suite, counting);
	return suite;
}
