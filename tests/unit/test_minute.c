/* SPDX-License-Identifier: Apache-2.0 */
/* test_minute.c - the worst minute of a long recording: on recordings made by hand. */
#include "suite.h"

#include "finding.h"
#include "judged.h"
#include "made.h"

static const struct {
	unsigned stalls;
	double duration_ms, gap_ms; /* from end to begin */
	uint64_t seconds;
	double minute_share;
	enum severity expected;
} minutes[] = {
	{30, 300, 1700, 3600, 9.0 / 60, SEVERITY_WARNING}, /* 0.25 % of the hour */
	{19, 300, 1700, 3600, 5.7 / 60, SEVERITY_INFO},
	{2, 4000, 1000, 3600, 8.0 / 60, SEVERITY_INFO}, /* too few */
	/* Six or seven fit into a minute: one whole gap less than they take. */
	{30, 1000, 9000, 3600, 6.0 / 60, SEVERITY_WARNING},
	{30, 900, 9100, 36000, 5.4 / 60, SEVERITY_INFO},
	{30, 4000, 10500, 36000, 18.0 / 60, SEVERITY_WARNING}, /* half of one reaches in */
	{3, 100, 200, 59, 0, SEVERITY_INFO},
};

/* Who has one bad minute an hour wants to know of it. */
START_TEST(a_bad_minute_is_a_warning)
{
	double begin_ms = 100000;

	recording->last_ns = minutes[_i].seconds * 1000 * MADE_MS;
	for (unsigned i = 0; i < minutes[_i].stalls; i++) {
		made_plain(recording, begin_ms, minutes[_i].duration_ms,
			"f@/app/s.js:8 " NODE_ROOTS, 4, -1);
		begin_ms += minutes[_i].duration_ms + minutes[_i].gap_ms;
	}
	ck_assert_int_eq(diagnose_first()->severity, minutes[_i].expected);
	ck_assert_double_eq_tol(
		diagnosis.findings[0].stall.minute_share, minutes[_i].minute_share, 1e-9);
	if (_i == 0)
		ck_assert_str_eq(diagnosis.findings[0].summary,
			"f (s.js:8) held the event loop 0.25 % of the time, and 15 % of its worst "
			"minute");
}
END_TEST

/* What one loop lost is not added to what another did meanwhile. */
START_TEST(each_loop_has_its_own_minutes)
{
	struct loop *second = recording_alloc(recording, sizeof(*second));

	second->record = (struct record_loop){.id = 2, .tid = 43, .thread = "worker"};
	second->index = 1;
	recording->loops[recording->loop_count++] = second;
	recording->last_ns = UINT64_C(3600) * 1000 * MADE_MS;
	for (int i = 0; i < 20; i++) {
		struct stall *stall =
			made_plain(recording, i * 1000, 500, "f@/app/s.js:8 " NODE_ROOTS, 4, -1);

		if (i % 2)
			stall->loop = second;
	}
	ck_assert_int_eq(diagnose_first()->severity, SEVERITY_INFO);
	ck_assert_double_eq_tol(diagnosis.findings[0].stall.minute_share, 5.0 / 60, 1e-9);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("minute");
	TCase *tcase = tcase_create("minute");

	tcase_add_checked_fixture(tcase, begin_node, finish);
	tcase_add_loop_test(
		tcase, a_bad_minute_is_a_warning, 0, sizeof(minutes) / sizeof(minutes[0]));
	tcase_add_test(tcase, each_loop_has_its_own_minutes);
	suite_add_tcase(suite, tcase);
	return suite;
}
