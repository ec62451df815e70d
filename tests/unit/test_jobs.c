/* SPDX-License-Identifier: Apache-2.0 */
/* test_jobs.c - workers that take jobs, and such as turn an event loop: on recordings made by hand.
 */
#include <string.h>

#include "judged.h"
#include "suite.h"

/* A worker sleeps in Atomics.wait until there is a job; on the main thread everybody waits for
 * that. */
START_TEST(a_worker_that_takes_jobs_turns_no_loop)
{
	static const char waiting[] = "pthread_cond_wait!/usr/lib/libc.so.6 "
				      "v8::internal::FutexEmulation::WaitSync!/usr/bin/node "
				      "v8::internal::Builtin_AtomicsWait!/usr/bin/node "
				      "next@/app/pool.js:20 " NODE_ROOTS;
	bool is_worker = _i == 1;

	recording->loops[0]->record.tid = is_worker ? 43 : 42;
	for (int i = 0; i < 4; i++) {
		made_plain(recording, i * 1000, 500, waiting, 20, 202);
		made_plain(recording, i * 1000 + 500, 300, "job@/app/job.js:8 " NODE_ROOTS, 20, -1);
	}
	ck_assert_int_eq(diagnose(&diagnosis, recording), 0);
	ck_assert_uint_eq(diagnosis.finding_count, is_worker ? 0 : 2);
	ck_assert_int_eq(
		strstr(diagnosis.not_observed[0], "1 worker thread takes") != NULL, is_worker);
}
END_TEST

/* It may have hardly a pause: the turn with its waits goes on. */
START_TEST(a_busy_worker_that_takes_jobs)
{
	static const char waiting[] = "pthread_cond_wait!/usr/lib/libc.so.6 "
				      "v8::internal::FutexEmulation::WaitSync!/usr/bin/node "
				      "next@/app/pool.js:20 " NODE_ROOTS;

	recording->loops[0]->record.tid = 43;
	made_plain(recording, 0, 300, "job@/app/job.js:8 " NODE_ROOTS, 20, -1);
	made_stall(recording, 1000, 8000, 7900)->record.ended = _i == 1;
	made_sample(recording, "job@/app/job.js:8 " NODE_ROOTS, 5000, -1);
	made_sample(recording, waiting, 100, 202);
	made_sample(recording, "job@/app/job.js:8 " NODE_ROOTS, 2900, -1);
	ck_assert_int_eq(diagnose(&diagnosis, recording), 0);
	ck_assert_uint_eq(diagnosis.finding_count, _i == 1);
}
END_TEST

/* A pool has busy workers and idle ones, which wait for jobs at the same place. */
START_TEST(another_worker_of_a_pool)
{
	static const char next[] = "v8::internal::FutexEmulation::WaitSync!/usr/bin/node "
				   "next@/app/pool.js:20 " NODE_ROOTS;
	static const char ask[] = "v8::internal::FutexEmulation::WaitSync!/usr/bin/node "
				  "ask@/app/sync.js:20 " NODE_ROOTS;
	struct loop *busy = recording_alloc(recording, sizeof(*busy));

	recording->loops[0]->record.tid = 43;
	*busy = (struct loop){.record = {.id = 2, .tid = 44, .thread = "node"}, .index = 1};
	recording->loops[recording->loop_count++] = busy;
	made_plain(recording, 0, 5000, next, 20, 202);
	for (int i = 0; i < 4; i++) {
		made_stall(recording, 5000 + i * 1000, 500, 450)->loop = busy;
		made_sample(recording, "job@/app/job.js:8 " NODE_ROOTS, 450, -1);
		made_sample(recording, _i ? ask : next, 50, 202);
	}
	/* One function is one object, as in a recording that was read. */
	for (size_t i = 1; i < recording->sample_count && !_i; i++) {
		if (recording->samples[i].record.syscall == 202)
			recording->samples[i].stack = recording->samples[0].stack;
	}
	ck_assert_int_eq(diagnose(&diagnosis, recording), 0);
	ck_assert_uint_eq(diagnosis.finding_count, _i ? 1 : 0);
}
END_TEST

/* A worker that serves requests may sleep there for an answer: its stalls are stalls. */
START_TEST(a_worker_that_waits_now_and_then)
{
	recording->loops[0]->record.tid = 43;
	for (int i = 0; i < 8; i++)
		made_plain(recording, i * 1000, 300, "crunch@/app/s.js:8 " NODE_ROOTS, 20, -1);
	made_plain(recording, 9000, 120,
		"pthread_cond_wait!/usr/lib/libc.so.6 "
		"v8::internal::FutexEmulation::WaitSync!/usr/bin/node "
		"ask@/app/sync.js:20 " NODE_ROOTS,
		10, 202);
	ck_assert_str_eq(diagnose_first()->culprit.function, "crunch");
	ck_assert_uint_eq(diagnosis.finding_count, 2);
	ck_assert_uint_eq(diagnosis.not_observed_count, 1);
}
END_TEST

/* What a worker that is woken by messages does holds up its loop, in whatever else it sleeps. */
START_TEST(a_worker_that_turns_its_loop)
{
	recording->loops[0]->record.tid = 43;
	for (int i = 0; i < 4; i++)
		made_plain(recording, i * 1000, 300,
			"v8::base::ConditionVariable::Wait!/usr/bin/node "
			"digest@/app/hasher.js:7 "
			"v8::internal::FutexEmulation::WaitSync!/usr/bin/node " NODE_ROOTS,
			20, 202);
	ck_assert_str_eq(diagnose_first()->culprit.function, "digest");
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("jobs");
	TCase *tcase = tcase_create("jobs");

	tcase_add_checked_fixture(tcase, begin_node, finish);
	tcase_add_loop_test(tcase, a_worker_that_takes_jobs_turns_no_loop, 0, 2);
	tcase_add_loop_test(tcase, a_busy_worker_that_takes_jobs, 0, 2);
	tcase_add_loop_test(tcase, another_worker_of_a_pool, 0, 2);
	tcase_add_test(tcase, a_worker_that_waits_now_and_then);
	tcase_add_test(tcase, a_worker_that_turns_its_loop);
	suite_add_tcase(suite, tcase);
	return suite;
}
