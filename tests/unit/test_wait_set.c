/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_wait_set.c - which polls are a loop's own, by what they wait on. Real servers are in
 * tests/integration/polls.py.
 */
#include "suite.h"

#include <poll.h>
#include <string.h>

#include "wait_set.h"

enum { ENTRIES = 20 };

/* A list of up to so many descriptors; 0 ends it. */
static struct wait_list list_of(const int descriptors[WAIT_LIST_MAX])
{
	struct wait_list list = {.count = 0};

	for (; list.count < WAIT_LIST_MAX && descriptors[list.count]; list.count++)
		list.descriptors[list.count] = descriptors[list.count];
	return list;
}

#define LIST(...) list_of((const int[WAIT_LIST_MAX]){__VA_ARGS__})

static struct wait_set set_of(struct wait_list list)
{
	struct wait_set set = {.count = 0};

	wait_set_renew(&set, &list);
	return set;
}

static bool is_same(const struct wait_set *set, struct wait_list list)
{
	return wait_set_is_same(set, &list);
}

START_TEST(own)
{
	const struct wait_set one = set_of(LIST(3)), two = set_of(LIST(3, 4)),
			      four = set_of(LIST(3, 4, 5, 6, 7));

	ck_assert_uint_eq(four.count, WAIT_SET_MAX);
	ck_assert(is_same(&one, LIST(3)));
	ck_assert(is_same(&one, LIST(9, 8, 3)));
	ck_assert(is_same(&four, LIST(3)));
	/* The oldest has left: more than half of the others are there. */
	ck_assert(is_same(&four, LIST(6, 5, 4, 8)));
	ck_assert(!is_same(&four, LIST(5, 6, 8, 9)));
	/* A handler waits for its own visitor. */
	ck_assert(!is_same(&two, LIST(4)));
	ck_assert(!is_same(&four, LIST(4)));
	ck_assert(!is_same(&one, LIST(4)));
	ck_assert(!is_same(&one, LIST(0)));
}
END_TEST

START_TEST(empty)
{
	const struct wait_set none = {.count = 0};

	ck_assert(!is_same(&none, LIST(0)));
	ck_assert(!is_same(&none, LIST(3)));
}
END_TEST

START_TEST(renewed)
{
	struct wait_set set = set_of(LIST(9, 4, 5));
	struct wait_list list = LIST(3, 5, 9, 6, 7);
	const int32_t expected[] = {9, 5, 3, 6};

	wait_set_renew(&set, &list);
	ck_assert_uint_eq(set.count, WAIT_SET_MAX);
	ck_assert_mem_eq(set.descriptors, expected, sizeof(expected));
	list = LIST(8);
	wait_set_renew(&set, &list);
	ck_assert_uint_eq(set.count, 1);
	ck_assert_int_eq(set.descriptors[0], 8);
}
END_TEST

START_TEST(begun)
{
	struct wait_set set;
	const struct wait_list list = LIST(5, 6, 7, 8, 9);
	const int32_t expected[] = {9, 5, 6, 7};

	wait_set_begin(&set, 9);
	wait_set_renew(&set, &list);
	ck_assert_mem_eq(set.descriptors, expected, sizeof(expected));
}
END_TEST

START_TEST(entries)
{
	struct pollfd made[ENTRIES];
	struct wait_list list;

	for (int i = 0; i < ENTRIES; i++)
		made[i].fd = i % 2 ? i : -1;
	wait_list_of_entries(&list, made, 3);
	ck_assert_uint_eq(list.count, 1);
	ck_assert_int_eq(list.descriptors[0], 1);
	wait_list_of_entries(&list, made, ENTRIES);
	ck_assert_uint_eq(list.count, WAIT_LIST_MAX / 2);
	ck_assert_int_eq(list.descriptors[WAIT_LIST_MAX / 2 - 1], WAIT_LIST_MAX - 1);
	wait_list_of_entries(&list, NULL, 0);
	ck_assert_uint_eq(list.count, 0);
}
END_TEST

START_TEST(words)
{
	uint64_t made[WAIT_SET_WORDS] = {1ull << 63 | 1, 0, 3};
	struct wait_list list;

	made[WAIT_SET_WORDS - 1] = ~0ull;
	wait_list_of_words(&list, made, 1024);
	ck_assert_uint_eq(list.count, WAIT_LIST_MAX);
	ck_assert_int_eq(list.descriptors[0], 0);
	ck_assert_int_eq(list.descriptors[1], 63);
	ck_assert_int_eq(list.descriptors[3], 129);
	ck_assert_int_eq(list.descriptors[WAIT_LIST_MAX - 1], 960 + WAIT_LIST_MAX - 5);
	/* What select does not look at. */
	wait_list_of_words(&list, made, 129);
	ck_assert_uint_eq(list.count, 3);
	wait_list_of_words(&list, made, 63);
	ck_assert_uint_eq(list.count, 1);
	wait_list_of_words(&list, made, 0);
	ck_assert_uint_eq(list.count, 0);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("wait_set");
	TCase *cases = tcase_create("wait_set");

	tcase_add_test(cases, own);
	tcase_add_test(cases, empty);
	tcase_add_test(cases, renewed);
	tcase_add_test(cases, begun);
	tcase_add_test(cases, entries);
	tcase_add_test(cases, words);
	suite_add_tcase(suite, cases);
	return suite;
}
