/* SPDX-License-Identifier: Apache-2.0 */
/* test_weigh.c - how the time of a stall is parted among its samples. */
#include "suite.h"

#include "record_fixture.h"
#include "recording.h"
#include "weigh.h"

enum { MS = 1000000, STALL = 7, LOOP = 1, COMPUTES = 1, COLLECTS, READS, STACKS };

/* A sample of one of the stacks, or the stall's end (stack 0). */
struct step {
	enum weigh_kind kind;
	uint32_t stack;
	uint64_t passed_ms, away_ms;
};

static struct fixture fixture;
static struct weigh weigh;
static uint32_t stacks[STACKS];
static double weights_ms[STACKS], cpu_ms[STACKS]; /* as recorded */

static void setup(void)
{
	fixture_init(&fixture);
	fixture_open(&fixture, 0);
	weigh = (struct weigh){0};
	for (uint32_t i = 1; i < STACKS; i++)
		stacks[i] = fixture_stack(fixture.writer, i, i);
}

static void teardown(void)
{
	fixture_done(&fixture);
}

static void take(const struct step *step)
{
	const struct weigh_moment at = {step->passed_ms * MS, step->away_ms * MS};
	const struct record_sample sample = {
		.stall = STALL,
		.loop = LOOP,
		.stack = stacks[step->stack],
		.time_ns = fixture_clock_ns + at.passed_ns,
		.syscall = -1,
	};

	if (step->stack)
		weigh_add(
			&weigh, fixture.writer, step->kind, &sample, step->stack == COLLECTS, &at);
	else
		weigh_end(&weigh, fixture.writer, &at);
}

/* Adds up what was written. Stacks are told apart by their depth. Returns the sum of all weights.
 */
static double read_back(void)
{
	struct recording *recording;
	double sum_ms = 0;

	writer_stall(fixture.writer, &(struct record_stall){.id = STALL, .loop = LOOP});
	fixture_close(&fixture, true);
	ck_assert_int_eq(recording_load(&recording, fixture.path), 0);
	ck_assert_uint_eq(recording->sample_count, weigh.samples);
	for (size_t i = 0; i < recording->sample_count; i++) {
		const struct sample *sample = &recording->samples[i];

		ck_assert_uint_lt(sample->stack->count, STACKS);
		weights_ms[sample->stack->count] += (double)sample->record.weight_ns / MS;
		cpu_ms[sample->stack->count] += (double)sample->record.cpu_ns / MS;
		sum_ms += (double)sample->record.weight_ns / MS;
	}
	recording_free(recording);
	return sum_ms;
}

static double weigh_all(const struct step *steps, size_t count)
{
	for (size_t i = 0; i < count; i++)
		take(&steps[i]);
	return read_back();
}

#define WEIGH_ALL(steps) weigh_all(steps, sizeof(steps) / sizeof((steps)[0]))

/* It leaves its CPU for a moment while it collects, again and again, and computes between. */
START_TEST(leaving_stands_for_the_time_away_only)
{
	static const struct step steps[] = {
		{WEIGH_CLOCK, COMPUTES, 10, 0},
		{WEIGH_LEAVES, COLLECTS, 18, 0},
		{WEIGH_CLOCK, COMPUTES, 21, 1},
		{WEIGH_LEAVES, COLLECTS, 28, 1},
		{WEIGH_CLOCK, COLLECTS, 31, 2},
		{WEIGH_LEAVES, COLLECTS, 38, 2},
		{WEIGH_CLOCK, COMPUTES, 41, 3},
		{0, 0, 60, 3},
	};

	ck_assert_double_eq_tol(WEIGH_ALL(steps), 60, 1e-6);
	ck_assert_double_eq_tol(weights_ms[COLLECTS], 9 + 3, 1e-6);
	ck_assert_double_eq_tol(weights_ms[COMPUTES], 10 + 10 + 9 + 19, 1e-6);
	ck_assert_double_eq_tol(cpu_ms[COLLECTS], 9, 1e-6);
	ck_assert_uint_eq(weigh.gc_ns, 12 * MS);
}
END_TEST

/* The clock never met it: what it did is where it left. */
START_TEST(leaves_are_all_there_is)
{
	static const struct step steps[] = {
		{WEIGH_LEAVES, COMPUTES, 40, 0},
		{WEIGH_LEAVES, READS, 52, 2},
		{0, 0, 60, 5},
	};

	ck_assert_double_eq_tol(WEIGH_ALL(steps), 60, 1e-6);
	ck_assert_double_eq_tol(weights_ms[COMPUTES], 40 + 2, 1e-6);
	ck_assert_double_eq_tol(weights_ms[READS], 10 + 3 + 5, 1e-6);
}
END_TEST

/* More of them than are remembered. */
START_TEST(many_leaves_are_still_the_whole)
{
	for (uint64_t i = 1; i <= 3 * WEIGH_UNMET_MAX; i++)
		take(&(struct step){WEIGH_LEAVES, i % 2 ? READS : COLLECTS, 2 * i, i - 1});
	take(&(struct step){.passed_ms = 200, .away_ms = 50});
	ck_assert_double_eq_tol(read_back(), 200, 1e-6);
}
END_TEST

/* A sleep is seen as it begins, and while it lasts: each stands for what came before it. */
START_TEST(sleeping_stands_for_the_sleep)
{
	static const struct step steps[] = {
		{WEIGH_CLOCK, COMPUTES, 10, 0},
		{WEIGH_LEAVES, READS, 12, 0},
		{WEIGH_ASLEEP, READS, 52, 40},
		{WEIGH_ASLEEP, READS, 62, 50},
		{WEIGH_CLOCK, COMPUTES, 100, 80},
		{0, 0, 110, 80},
	};

	ck_assert_double_eq_tol(WEIGH_ALL(steps), 110, 1e-6);
	ck_assert_double_eq_tol(weights_ms[READS], 50, 1e-6);
	/* Nobody saw where it was away for the last time. */
	ck_assert_double_eq_tol(weights_ms[COMPUTES], 10 + 30 + 10 + 10, 1e-6);
	ck_assert_double_eq_tol(cpu_ms[COMPUTES], 30, 1e-6);
}
END_TEST

/* A source may learn of a time away when it has been taken for computing already. */
START_TEST(no_more_than_has_passed)
{
	static const struct step steps[] = {
		{WEIGH_CLOCK, COMPUTES, 50, 0},
		{WEIGH_ASLEEP, READS, 60, 40},
		{0, 0, 100, 80},
	};

	ck_assert_double_eq_tol(WEIGH_ALL(steps), 100, 1e-6);
}
END_TEST

/* What is held back for its weight is not lost. */
START_TEST(a_stall_without_an_end_keeps_its_samples)
{
	take(&(struct step){WEIGH_CLOCK, COMPUTES, 50, 0});
	weigh_stop(&weigh, fixture.writer);
	weigh_stop(&weigh, fixture.writer);
	ck_assert_double_eq_tol(read_back(), 50, 1e-6);
	ck_assert_uint_eq(weigh.samples, 1);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("weigh");
	TCase *tests = tcase_create("weights");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, leaving_stands_for_the_time_away_only);
	tcase_add_test(tests, leaves_are_all_there_is);
	tcase_add_test(tests, many_leaves_are_still_the_whole);
	tcase_add_test(tests, sleeping_stands_for_the_sleep);
	tcase_add_test(tests, no_more_than_has_passed);
	tcase_add_test(tests, a_stall_without_an_end_keeps_its_samples);
	suite_add_tcase(suite, tests);
	return suite;
}
