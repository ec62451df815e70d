/* SPDX-License-Identifier: Apache-2.0 */
/* test_tally.c - what becomes of a loop's counters: each turn is written once. */
#include "suite.h"

#include "record_fixture.h"
#include "recording.h"
#include "tally.h"

enum { LOOP = 1, BUCKET = 5 };

static struct fixture fixture;
static struct tally tally;
static _Atomic uint32_t buckets[HISTOGRAM_BUCKETS];

static void setup(void)
{
	fixture_init(&fixture);
	fixture_open(&fixture, 0);
	tally_init(&tally, fixture_clock_ns);
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		atomic_store(&buckets[i], 0);
}

static void teardown(void)
{
	fixture_done(&fixture);
}

/* A second has passed, and the counters stand at so many turns, all of them in one bucket. */
static uint64_t write_at(uint32_t turns, uint64_t busy_ns)
{
	const struct tally_counters counters = {
		.turns = turns, .busy_ns = busy_ns, .buckets = buckets};

	atomic_store(&buckets[BUCKET], turns);
	fixture_clock_ns += 1000000000;
	return tally_write(&tally, fixture.writer, LOOP, &counters, fixture_clock_ns, true);
}

/* What stands in the recording: turns, their time, and turns by the histograms. */
static void check_sums(uint64_t turns, uint64_t busy_ns)
{
	struct recording *recording;
	uint64_t sum = 0, busy_sum_ns = 0, counted = 0;

	fixture_close(&fixture, true);
	ck_assert_int_eq(recording_load(&recording, fixture.path), 0);
	for (size_t i = 0; i < recording->turns_count; i++) {
		const struct turns *row = &recording->turns[i];

		sum += row->record.count;
		busy_sum_ns += row->record.busy_ns;
		for (size_t j = 0; j < row->bucket_count; j++)
			counted += row->counts[j];
	}
	recording_free(recording);
	ck_assert_uint_eq(sum, turns);
	ck_assert_uint_eq(busy_sum_ns, busy_ns);
	ck_assert_uint_eq(counted, turns);
}

START_TEST(each_turn_is_written_once)
{
	ck_assert_uint_eq(write_at(3, 300), 3);
	ck_assert_uint_eq(write_at(3, 300), 0);
	ck_assert_uint_eq(write_at(10, 1000), 7);
	check_sums(10, 1000);
}
END_TEST

/* The slot of a loop that is gone is emptied, and another loop may count in it. */
START_TEST(counters_that_went_back_are_not_believed)
{
	ck_assert_uint_eq(write_at(10, 1000), 10);
	ck_assert_uint_eq(write_at(0, 0), 0);
	ck_assert_uint_eq(write_at(4, 2000), 0);
	check_sums(10, 1000);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("tally");
	TCase *tests = tcase_create("counters");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, each_turn_is_written_once);
	tcase_add_test(tests, counters_that_went_back_are_not_believed);
	suite_add_tcase(suite, tests);
	return suite;
}
