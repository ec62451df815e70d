/* SPDX-License-Identifier: Apache-2.0 */
/* test_usage.c - the wait for a CPU that goes on, by two readings; and what the kernel tells. */
#include "suite.h"

#include <pthread.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "usage.h"

enum { MS = 1000000, SLEEPS = 7 };

static struct usage reading(uint64_t taken, uint64_t cpu, uint64_t runqueue)
{
	return (struct usage){
		.taken_ns = taken * MS,
		.cpu_ns = cpu * MS,
		.runqueue_ns = runqueue * MS,
		.sleeps = SLEEPS,
		.runnable = true,
	};
}

START_TEST(a_wait_for_a_cpu_grows_until_it_is_told)
{
	const struct usage readings[] = {
		reading(1000, 200, 50), reading(1010, 210, 50), /* it ran */
		reading(1020, 213, 50),                         /* ran, and has lost its CPU */
		reading(1170, 213, 50),                         /* waits still */
		reading(1180, 214, 215), /* had one for 1 ms, and waits again */
	};
	const uint64_t waiting_ms[] = {0, 0, 7, 157, 1};
	uint64_t waiting_ns = 0;

	for (size_t i = 1; i < sizeof(readings) / sizeof(readings[0]); i++) {
		waiting_ns = usage_waiting_ns(&readings[i - 1], &readings[i], waiting_ns);
		ck_assert_uint_eq(waiting_ns, waiting_ms[i] * MS);
	}
}
END_TEST

START_TEST(a_sleep_is_no_wait_for_a_cpu)
{
	const struct usage before = reading(1000, 200, 50);
	struct usage asleep = reading(1010, 200, 50), woken = asleep, was = before;

	ck_assert_uint_eq(usage_waiting_ns(&before, &woken, 0), 10 * MS);
	asleep.runnable = false;
	ck_assert_uint_eq(usage_waiting_ns(&before, &asleep, 0), 0);
	was.runnable = false;
	ck_assert_uint_eq(usage_waiting_ns(&was, &woken, 0), 0);
	woken.sleeps++;
	ck_assert_uint_eq(usage_waiting_ns(&before, &woken, 5 * MS), 0);
	/* Where the kernel does not tell, nothing is claimed. */
	woken.sleeps = was.sleeps = 0;
	was.runnable = true;
	ck_assert_uint_eq(usage_waiting_ns(&was, &woken, 0), 0);
}
END_TEST

START_TEST(readings_of_this_thread)
{
	const struct cgroup none = {0};
	uint32_t tid = (uint32_t)gettid();
	struct usage before, after;

	usage_read(getpid(), tid, &none, &before);
	nanosleep(&(struct timespec){.tv_nsec = 2 * MS}, NULL);
	usage_read(getpid(), tid, &none, &after);
	ck_assert(before.runnable && after.runnable);
	ck_assert_uint_ge(after.sleeps, before.sleeps + 1);
	ck_assert_uint_ge(after.taken_ns, before.taken_ns + 2 * MS);
	ck_assert_uint_ge(after.cpu_ns, before.cpu_ns);
}
END_TEST

static void *look_at_first(void *unused)
{
	(void)unused;
	for (int i = 0; i < 1000 && !usage_has_ended((uint32_t)getpid()); i++)
		nanosleep(&(struct timespec){.tv_nsec = MS}, NULL);
	_exit(!usage_has_ended((uint32_t)getpid()) || usage_has_ended((uint32_t)gettid()));
}

static void *note_tid(void *ret)
{
	*(uint32_t *)ret = (uint32_t)gettid();
	return NULL;
}

/* The first thread is a zombie from its end to that of the process. */
START_TEST(threads_that_have_ended)
{
	uint32_t tid = (uint32_t)gettid();
	pthread_t thread;
	int status;
	pid_t child;

	ck_assert(!usage_has_ended(tid));
	ck_assert_int_eq(pthread_create(&thread, NULL, note_tid, &tid), 0);
	pthread_join(thread, NULL);
	ck_assert(usage_has_ended(tid));
	child = fork();
	if (child == 0) {
		if (usage_has_ended((uint32_t)getpid()) ||
			pthread_create(&thread, NULL, look_at_first, NULL))
			_exit(2);
		pthread_exit(NULL);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("usage");
	TCase *tests = tcase_create("usage");

	tcase_add_test(tests, a_wait_for_a_cpu_grows_until_it_is_told);
	tcase_add_test(tests, a_sleep_is_no_wait_for_a_cpu);
	tcase_add_test(tests, readings_of_this_thread);
	tcase_add_test(tests, threads_that_have_ended);
	suite_add_tcase(suite, tests);
	return suite;
}
