/* SPDX-License-Identifier: Apache-2.0 */
/* test_analyze.c - causes, severity, figures, what was not observed: on recordings made by hand. */
#include "suite.h"

#include <string.h>

#include "finding.h"
#include "histogram.h"
#include "judged.h"
#include "made.h"

static const struct {
	double cpu, runqueue, gc, throttled; /* of 100 ms */
	enum finding_cause expected;
	bool has_culprit;
} causes[] = {
	{100, 0, 0, 0, CAUSE_ON_CPU, true},
	{30, 0, 0, 0, CAUSE_BLOCKED, true},
	{60, 40, 0, 0, CAUSE_ON_CPU, true},
	/* The host's own doing: without the wait for a CPU it would have been no stall. */
	{10, 90, 0, 0, CAUSE_RUNQUEUE, false},
	{49, 51, 0, 0, CAUSE_RUNQUEUE, false},
	/* A collection keeps the CPU busy, and the thread sleeps while helpers mark. */
	{90, 0, 60, 0, CAUSE_GC, true},
	{30, 0, 80, 0, CAUSE_GC, true},
	{90, 0, 20, 0, CAUSE_ON_CPU, true},
	/* It lasts longer where others have the CPU, and that is not its own doing. */
	{60, 40, 40, 0, CAUSE_ON_CPU, true},
	{20, 80, 60, 0, CAUSE_RUNQUEUE, false},
	/* The run queue's time contains the throttled time. */
	{10, 90, 0, 85, CAUSE_THROTTLED, true},
	{0, 0, 0, 0, CAUSE_BLOCKED, true},
};

START_TEST(cause_by_where_the_time_went)
{
	const struct finding *finding;

	for (int i = 0; i < 4; i++) {
		struct stall *stall =
			made_plain(recording, i * 1000, 100, "f@/app/s.js:8 " NODE_ROOTS, 6, -1);

		stall->record.cpu_ns = (uint64_t)(causes[_i].cpu * MADE_MS);
		stall->record.runqueue_ns = (uint64_t)(causes[_i].runqueue * MADE_MS);
		stall->record.gc_ns = (uint64_t)(causes[_i].gc * MADE_MS);
		stall->record.throttled_ns = (uint64_t)(causes[_i].throttled * MADE_MS);
	}
	finding = diagnose_first();
	ck_assert_uint_eq(diagnosis.finding_count, 1);
	ck_assert_int_eq(finding->cause, causes[_i].expected);
	ck_assert_int_eq(finding->has_culprit, causes[_i].has_culprit);
}
END_TEST

static const struct {
	const char *sleeping;             /* where it slept */
	double cpu, runqueue, asleep, gc; /* of 100 ms */
	enum finding_cause expected;
} naps[] = {
	/* The helpers queue as well, and the thread waits for them longer than it runs. */
	{"v8::platform::DefaultJobHandle::Join!/usr/bin/node "
	 "v8::internal::Heap::CollectGarbage!/usr/bin/node f@/app/s.js:8 " NODE_ROOTS,
		30, 20, 50, 80, CAUSE_GC},
	{"read!/usr/lib/libc.so.6 f@/app/s.js:8 " NODE_ROOTS, 30, 20, 50, 50, CAUSE_BLOCKED},
	/* What is further out collects nothing. */
	{"read!/usr/lib/libc.so.6 f@/app/s.js:8 "
	 "v8::internal::Heap::CollectGarbage!/usr/bin/node " NODE_ROOTS,
		30, 20, 50, 50, CAUSE_BLOCKED},
};

START_TEST(sleep_within_a_collection_is_its_own)
{
	for (int i = 0; i < 4; i++) {
		struct stall *stall = made_stall(recording, i * 1000, 100, naps[_i].cpu);

		stall->record.runqueue_ns = (uint64_t)(naps[_i].runqueue * MADE_MS);
		stall->record.gc_ns = (uint64_t)(naps[_i].gc * MADE_MS);
		made_sample(recording, "f@/app/s.js:8 " NODE_ROOTS,
			naps[_i].cpu + naps[_i].runqueue, -1);
		made_sample(recording, naps[_i].sleeping, naps[_i].asleep, 202)->record.in_place =
			true;
	}
	ck_assert_int_eq(diagnose_first()->cause, naps[_i].expected);
}
END_TEST

static const struct {
	double measured, cpu, gc; /* of 100 ms; gc of all of it */
	double on_cpu_share, gc_share, blocked_share;
} tails[] = {
	{8, 8, 8, 0.92, 0.08, 0},
	{10, 5, 20, 0.3, 0.2, 0.5},
	{10, 5, 80, 0, 0.8, 0.2},
	{10, 10, 100, 0, 1, 0},
	{10, 5, 0, 0.5, 0, 0.5}, /* no runtime that collects, or not known */
	{100, 50, 20, 0.3, 0.2, 0.5},
};

/* What was measured stands for the whole of a stall; its collections are known of the whole. */
START_TEST(collections_are_no_larger_where_little_was_measured)
{
	const double *shares;

	for (int i = 0; i < 4; i++) {
		struct stall *stall =
			made_plain(recording, i * 1000, 100, "f@/app/s.js:8 " NODE_ROOTS, 6, -1);

		stall->record.measured_ns = (uint64_t)(tails[_i].measured * MADE_MS);
		stall->record.cpu_ns = (uint64_t)(tails[_i].cpu * MADE_MS);
		stall->record.gc_ns = (uint64_t)(tails[_i].gc * MADE_MS);
	}
	shares = diagnose_first()->stall.shares;
	ck_assert_double_eq_tol(shares[CAUSE_ON_CPU], tails[_i].on_cpu_share, 1e-9);
	ck_assert_double_eq_tol(shares[CAUSE_GC], tails[_i].gc_share, 1e-9);
	ck_assert_double_eq_tol(shares[CAUSE_BLOCKED], tails[_i].blocked_share, 1e-9);
}
END_TEST

/* A stall counts for as long as it was, not for as long as it was measured. */
START_TEST(shares_are_of_all_the_time)
{
	for (int i = 0; i < 4; i++) {
		struct stall *stall =
			made_plain(recording, i * 1000, 100, "f@/app/s.js:8 " NODE_ROOTS, 6, -1);

		stall->record.measured_ns = (i % 2 ? 100 : 10) * MADE_MS;
		stall->record.cpu_ns = stall->record.measured_ns;
		stall->record.gc_ns = (i % 2 ? 0 : 60) * MADE_MS;
	}
	ck_assert_double_eq_tol(diagnose_first()->stall.shares[CAUSE_GC], 0.3, 1e-9);
}
END_TEST

static const struct {
	uint32_t ready;
	uint64_t calls;
	double pause_ms; /* of 200 ms */
	enum finding_cause expected;
} turns[] = {
	{300, 600, 5, CAUSE_CONGESTION}, {300, 600, 120, CAUSE_ON_CPU}, /* one of them was long */
	{300, 100, 5, CAUSE_ON_CPU},                        /* the others had nothing to do */
	{300, 50000, 5, CAUSE_ON_CPU},                      /* one of them copied a file */
	{3, 6, 5, CAUSE_ON_CPU}, {300, 0, 0, CAUSE_ON_CPU}, /* not counted, not claimed */
};

START_TEST(congestion_is_claimed_when_counted)
{
	for (int i = 0; i < 4; i++) {
		struct stall *stall =
			made_plain(recording, i * 1000, 200, "f@/app/s.js:8 " NODE_ROOTS, 6, -1);

		stall->record.ready = turns[_i].ready;
		stall->record.io_calls = turns[_i].calls;
		stall->record.io_pause_ns = (uint64_t)(turns[_i].pause_ms * MADE_MS);
	}
	ck_assert_int_eq(diagnose_first()->cause, turns[_i].expected);
	ck_assert_double_eq_tol(diagnose_first()->stall.shares[turns[_i].expected], 1, 1e-9);
}
END_TEST

/* Asleep in no system call: in a page fault, if the kernel counted any. */
START_TEST(sleep_outside_system_calls_is_a_page_fault)
{
	for (int i = 0; i < 4; i++) {
		struct stall *stall = made_stall(recording, i * 1000, 100, 10);

		stall->record.major_faults = _i ? 3 : 0;
		for (int j = 0; j < 5; j++) {
			struct sample *sample =
				made_sample(recording, "f@/app/s.js:8 " NODE_ROOTS, 20, -1);

			sample->record.in_place = true;
			sample->record.cpu_ns = 2ULL * MADE_MS;
		}
	}
	ck_assert_int_eq(diagnose_first()->cause, _i ? CAUSE_PAGE_FAULT : CAUSE_BLOCKED);
	ck_assert_double_eq_tol(diagnose_first()->stall.shares[CAUSE_ON_CPU], 0.1, 1e-3);
}
END_TEST

static const struct {
	unsigned in_calls, outside, running; /* samples of 20 ms, 14 of them slept */
	uint64_t minor_faults, major_faults;
	enum finding_cause expected;
	double page_fault, blocked; /* shares */
} sleeps[] = {
	/* Sleeps too short for a sample. Of 30 ms on a CPU, 1,500 faults took 15 at least. */
	{0, 0, 5, 900, 1500, CAUSE_PAGE_FAULT, 0.85, 0},
	{0, 0, 5, 900, 0, CAUSE_BLOCKED, 0, 0.7},
	{0, 0, 5, 900, 2, CAUSE_BLOCKED, 0.2002, 0.5}, /* too few for so much of it */
	{0, 0, 0, 0, 1500, CAUSE_PAGE_FAULT, 0.85, 0},
	{0, 0, 0, 0, 0, CAUSE_BLOCKED, 0, 0.7},
	/* What was seen speaks for the rest. */
	{0, 1, 4, 900, 0, CAUSE_PAGE_FAULT, 0.7, 0},
	{1, 0, 4, 900, 1500, CAUSE_BLOCKED, 0.15, 0.7},
	{1, 3, 1, 0, 1500, CAUSE_PAGE_FAULT, 0.675, 0.175},
	{5, 0, 0, 900, 1500, CAUSE_BLOCKED, 0.15, 0.7},
};

START_TEST(sleep_is_divided_as_it_was_seen)
{
	const double *shares;

	for (int i = 0; i < 4; i++) {
		unsigned in_place = sleeps[_i].in_calls + sleeps[_i].outside;
		struct stall *stall = made_stall(recording, i * 1000, 100, 30);

		stall->record.minor_faults = sleeps[_i].minor_faults;
		stall->record.major_faults = sleeps[_i].major_faults;
		for (unsigned j = 0; j < in_place + sleeps[_i].running; j++) {
			struct record_sample *sample =
				&made_sample(recording, "f@/app/s.js:8 " NODE_ROOTS, 20, -1)
					 ->record;

			sample->in_place = j < in_place;
			sample->syscall = j < sleeps[_i].in_calls ? 0 : -1;
			sample->cpu_ns = 6ULL * MADE_MS;
		}
	}
	shares = diagnose_first()->stall.shares;
	ck_assert_int_eq(diagnose_first()->cause, sleeps[_i].expected);
	ck_assert_double_eq_tol(shares[CAUSE_PAGE_FAULT], sleeps[_i].page_fault, 1e-9);
	ck_assert_double_eq_tol(shares[CAUSE_BLOCKED], sleeps[_i].blocked, 1e-9);
}
END_TEST

START_TEST(what_a_sleep_waited_for)
{
	static const char *const on[2][5] = {
		{"pipe", "tcp 10.0.0.1:5432", "tcp 10.0.0.1:5432", "", "tcp 10.0.0.1:5432"},
		{"pipe", "tcp 10.0.0.1:5432", "/etc/hosts", "", "tcp 10.0.0.1:5432"},
	};

	for (int i = 0; i < 4; i++) {
		made_stall(recording, i * 1000, 100, 0);
		for (int j = 0; j < 5; j++)
			made_sample(recording, "f@/app/s.js:8 " NODE_ROOTS, 20, 0)->on = on[_i][j];
	}
	ck_assert_str_eq(diagnose_first()->stall.syscall, "read");
	ck_assert_pstr_eq(diagnose_first()->stall.on, _i ? NULL : "tcp 10.0.0.1:5432");
}
END_TEST

START_TEST(the_interpreters_lock_is_known_by_who_waits)
{
	static const char *const stacks[] = {
		"futex!/usr/lib/libc.so.6 PyEval_RestoreThread!/usr/bin/python3.11 "
		"select@/app/s.py:8",
		"futex!/usr/lib/libc.so.6 acquire!/usr/bin/python3.11 select@/app/s.py:8 "
		"PyEval_RestoreThread!/usr/bin/python3.11",
	};

	for (int i = 0; i < 4; i++)
		made_plain(recording, i * 1000, 100, stacks[_i], 5, 202);
	ck_assert_pstr_eq(diagnose_first()->stall.on, _i ? NULL : "the interpreter's lock");
}
END_TEST

/* The loop's own call, and a handler's. */
START_TEST(who_waits_for_the_interpreters_lock_is_not_blamed_unless_it_works_as_well)
{
	static const char *const stacks[] = {
		"futex!/usr/lib/libc.so.6 PyEval_RestoreThread!/usr/bin/python3.11 "
		"select@/usr/lib/python3.11/selectors.py:468",
		"futex!/usr/lib/libc.so.6 PyEval_RestoreThread!/usr/bin/python3.11 "
		"handle@/app/s.py:8",
	};
	const struct finding *finding;

	finish();
	recording = made_recording("python 3.11.2", "/usr/bin/python3.11");
	for (int i = 0; i < 4; i++) {
		struct stall *stall = made_plain(recording, i * 1000, 100, stacks[_i], 5, 202);

		for (size_t j = 0; j < stall->sample_count; j++)
			recording->samples[stall->first_sample + j].stack->frames[2].kind =
				FRAME_PYTHON;
	}
	finding = diagnose_first();
	ck_assert_int_eq(finding->has_culprit, _i == 1);
	ck_assert_ptr_nonnull(strstr(
		finding->summary, _i ? "handle" : "another thread had the interpreter's lock"));
}
END_TEST

/* 300 ms of work that waits 400 ms for a CPU stays the function's stall, and on-cpu. */
START_TEST(work_on_a_busy_host_is_still_work)
{
	const struct finding *finding;

	for (int i = 0; i < 3; i++) {
		struct stall *stall =
			made_plain(recording, i * 1000, 700, "f@/app/s.js:8 " NODE_ROOTS, 60, -1);

		stall->record.cpu_ns = 300ULL * MADE_MS;
		stall->record.runqueue_ns = 400ULL * MADE_MS;
	}
	finding = diagnose_first();
	ck_assert_int_eq(finding->cause, CAUSE_ON_CPU);
	ck_assert_str_eq(finding->culprit.function, "f");
}
END_TEST

START_TEST(unmeasured_stalls_are_judged_by_their_samples)
{
	const struct finding *finding;

	for (int i = 0; i < 3; i++)
		made_plain(recording, i * 1000, 100, "f@/app/s.js:8 " NODE_ROOTS, 6, 35)
			->record.measured_ns = 0;
	finding = diagnose_first();
	ck_assert_int_eq(finding->cause, CAUSE_BLOCKED);
	ck_assert_str_eq(finding->stall.syscall, "nanosleep");
}
END_TEST

static const struct {
	unsigned stalls;
	double duration_ms;
	bool ended, good_bye;
	enum severity expected;
} severities[] = {
	{2, 1000, true, true, SEVERITY_INFO},     /* much time, but too few */
	{3, 30, true, true, SEVERITY_INFO},       /* 0.9 % */
	{3, 34, true, true, SEVERITY_WARNING},    /* 1.02 % */
	{3, 330, true, true, SEVERITY_WARNING},   /* 9.9 % */
	{3, 340, true, true, SEVERITY_CRITICAL},  /* 10.2 % */
	{1, 5000, true, true, SEVERITY_CRITICAL}, /* a hang */
	{1, 4999, true, true, SEVERITY_INFO},
	{1, 1500, false, false, SEVERITY_CRITICAL}, /* killed while it hung */
	{1, 1500, false, true, SEVERITY_INFO},      /* cut by the process's own end */
	{1, 60, false, false, SEVERITY_INFO},       /* cut by chance */
};

START_TEST(severity_by_count_and_lost_time)
{
	for (unsigned i = 0; i < severities[_i].stalls; i++)
		made_plain(recording, i * 1500, severities[_i].duration_ms,
			"f@/app/s.js:8 " NODE_ROOTS, 4, -1)
			->record.ended = severities[_i].ended;
	recording->ended = severities[_i].good_bye;
	ck_assert_int_eq(diagnose_first()->severity, severities[_i].expected);
}
END_TEST

/* A tool from outside says good-bye for itself: the process goes on hanging. */
START_TEST(a_hang_outlives_the_tool_that_watched_it)
{
	const struct finding *finding;

	recording->head.mode = MODE_ATTACH;
	recording->loops[0]->record.first_wait_ns = 2ULL * MADE_MS;
	made_plain(recording, 1, 3000, "f@/app/s.js:8 " NODE_ROOTS, 4, -1)->record.ended = false;
	finding = diagnose_first();
	ck_assert_int_eq(finding->severity, SEVERITY_CRITICAL);
	ck_assert(finding->stall.since_attach);
	ck_assert_ptr_nonnull(strstr(finding->summary, "for at least 3.0 s and still held it"));
}
END_TEST

START_TEST(a_hang_that_was_seen_to_begin_is_as_long_as_it_is)
{
	const struct finding *finding;

	recording->head.mode = MODE_ATTACH;
	recording->loops[0]->record.first_wait_ns = 2ULL * MADE_MS;
	made_plain(recording, 3, 3000, "f@/app/s.js:8 " NODE_ROOTS, 4, -1)->record.ended = false;
	finding = diagnose_first();
	ck_assert(!finding->stall.since_attach);
	ck_assert_ptr_nonnull(strstr(finding->summary, "for 3.0 s and still held it"));
}
END_TEST

/* What says that a stall has ended may be in a block that was lost. */
START_TEST(a_loop_that_went_on_does_not_hang)
{
	made_plain(recording, 1000, 1500, "f@/app/s.js:8 " NODE_ROOTS, 4, -1)->record.ended = false;
	recording->ended = false;
	ck_assert_int_eq(diagnose_first()->severity, SEVERITY_CRITICAL);
	ck_assert_double_eq(diagnosis.loops[0].unfinished_ms, 1500);
	recording->loops[0]->turned_ns = 4000ULL * MADE_MS;
	ck_assert_int_eq(diagnose_first()->severity, SEVERITY_INFO);
	ck_assert_double_eq(diagnosis.findings[0].stall.unfinished_ms, 0);
	ck_assert_double_eq(diagnosis.loops[0].unfinished_ms, 0);
}
END_TEST

/* It lasted longer than it was watched for, be it over or not. */
START_TEST(what_went_on_already_is_at_least_as_long)
{
	recording->head.mode = MODE_ATTACH;
	recording->loops[0]->record.first_wait_ns = 2ULL * MADE_MS;
	made_plain(recording, 1, 6000, "f@/app/s.js:8 " NODE_ROOTS, 4, -1);
	ck_assert_str_eq(diagnose_first()->summary,
		"f (s.js:8) held the event loop once, for at least 6.0 s");
}
END_TEST

START_TEST(a_starved_host_is_one_step_less_severe)
{
	const struct finding *finding;

	for (int i = 0; i < 20; i++)
		made_plain(recording, i * 450, 100, "f@/app/s.js:8 " NODE_ROOTS, 6, -1)
			->record.cpu_ns = MADE_MS;
	for (int i = 0; i < 20; i++)
		recording->stalls[i].record.runqueue_ns = 99ULL * MADE_MS;
	finding = diagnose_first();
	ck_assert_uint_eq(diagnosis.finding_count, 1);
	ck_assert_int_eq(finding->cause, CAUSE_RUNQUEUE);
	ck_assert_int_eq(finding->severity, SEVERITY_WARNING);
	ck_assert(!finding->has_culprit);
}
END_TEST

/* Time of which nothing was recorded is no time without stalls. */
START_TEST(missing_time_is_not_observed)
{
	for (int i = 0; i < 3; i++)
		made_plain(recording, i * 600, 60, "f@/app/s.js:8 " NODE_ROOTS, 4, -1);
	ck_assert_int_eq(diagnose_first()->severity, SEVERITY_WARNING);
	recording->missing_ns = 8200ULL * MADE_MS;
	ck_assert_int_eq(diagnose_first()->severity, SEVERITY_CRITICAL);
	ck_assert_double_eq_tol(diagnosis.seconds, 1.8, 1e-9);
	ck_assert_double_eq_tol(diagnosis.findings[0].stall.lost_share, 0.1, 1e-9);
	recording->missing_ns = UINT64_MAX;
	ck_assert_int_eq(diagnose(&diagnosis, recording), 0);
	ck_assert_double_eq(diagnosis.seconds, 0);
}
END_TEST

/* A recording may claim anything. */
START_TEST(absurd_figures_are_borne)
{
	for (int i = 0; i < 8; i++) {
		struct stall *stall = made_plain(recording, i, 100,
			i % 2 ? "f@/app/s.js:8 " NODE_ROOTS : "g@/app/s.js:9", 8, 0);

		stall->record.duration_ns = stall->record.measured_ns = stall->record.gc_ns =
			UINT64_MAX;
		stall->record.samples_missed = UINT32_MAX;
		stall->record.cpu_ns = stall->record.runqueue_ns = stall->record.throttled_ns =
			UINT64_MAX;
		for (size_t j = 0; j < 8; j++) {
			struct record_sample *sample =
				&recording->samples[stall->first_sample + j].record;

			sample->weight_ns = j % 2 ? UINT64_MAX : UINT64_MAX - 1;
			sample->cpu_ns = j % 3 ? UINT64_MAX : 0;
			sample->syscall = INT32_MAX;
		}
	}
	recording->last_ns = recording->first_ns;
	diagnose_first();
	for (size_t i = 0; i < diagnosis.finding_count; i++) {
		const struct finding *finding = &diagnosis.findings[i];

		ck_assert(finding->confidence >= 0 && finding->confidence <= 1);
		ck_assert(finding->stall.lost_share >= 0 && finding->stall.lost_share <= 1);
		ck_assert(
			finding->culprit.share_of_kind >= 0 && finding->culprit.share_of_kind <= 1);
	}
}
END_TEST

/* A collection that no script asked for: V8 posts some of them as tasks. */
START_TEST(the_collector_is_no_function_to_look_for)
{
	for (int i = 0; i < 4; i++)
		made_plain(recording, i * 1000, 100,
			"v8::internal::Heap::Scavenge!/usr/bin/node uv_run!/usr/bin/node", 6, -1)
			->record.gc_ns = 90ULL * MADE_MS;
	ck_assert_str_eq(diagnose_first()->summary,
		"garbage collection held the event loop 4.0 % of the time");
}
END_TEST

START_TEST(startup_is_no_finding)
{
	made_plain(recording, 0, 6000, "compile@/app/s.js:8 " NODE_ROOTS, 50, -1)->record.startup =
		true;
	made_plain(recording, 6100, 100, "compile@/app/s.js:8 " NODE_ROOTS, 5, -1)->record.startup =
		true;
	ck_assert_int_eq(diagnose(&diagnosis, recording), 0);
	ck_assert_uint_eq(diagnosis.finding_count, 0);
	ck_assert_uint_eq(diagnosis.startup.turns, 2);
	ck_assert_double_eq_tol(diagnosis.startup.total_ms, 6100, 1e-6);
	ck_assert_double_eq_tol(diagnosis.startup.max_ms, 6000, 1e-6);
	ck_assert_double_eq(diagnosis.startup.unfinished_ms, 0);
}
END_TEST

START_TEST(stalls_without_a_stack_blame_nobody)
{
	const struct finding *finding;

	for (int i = 0; i < 10; i++)
		made_plain(recording, i * 900, 100, "f@/app/s.js:8 " NODE_ROOTS, 6, -1);
	for (int i = 0; i < 3; i++)
		made_stall(recording, i * 900 + 300, 55, 55);
	/* A sample whose stack was lost is as good as none. */
	made_sample(recording, "f@/app/s.js:8 " NODE_ROOTS, 55, -1)->stack = NULL;
	finding = diagnose_first();
	ck_assert_uint_eq(diagnosis.finding_count, 2);
	ck_assert(finding[0].has_culprit);
	ck_assert(!finding[1].has_culprit);
	ck_assert_uint_eq(finding[1].stall.count, 3);
	ck_assert_double_lt(finding[1].confidence, finding[0].confidence);
	ck_assert_ptr_nonnull(strstr(finding[1].summary, "no stack was taken"));
}
END_TEST

/* Workers that run the same slow function are one finding; the share is that of the loop which lost
 * most. */
START_TEST(loops_share_a_finding)
{
	struct loop *second = recording_alloc(recording, sizeof(*second));
	const struct finding *finding;

	second->record = (struct record_loop){.id = 2, .tid = 43, .thread = "worker"};
	second->index = 1;
	recording->loops[recording->loop_count++] = second;
	for (int i = 0; i < 9; i++) {
		struct stall *stall =
			made_plain(recording, i * 900, 100, "f@/app/s.js:8 " NODE_ROOTS, 6, -1);

		if (i % 3)
			stall->loop = second;
	}
	finding = diagnose_first();
	ck_assert_uint_eq(diagnosis.finding_count, 1);
	ck_assert_uint_eq(finding->stall.count, 9);
	ck_assert_ptr_eq(finding->loop, second);
	ck_assert_double_eq_tol(finding->stall.lost_share, 0.06, 1e-9);
}
END_TEST

START_TEST(loops_are_measured_by_their_histograms)
{
	static uint32_t buckets[2];
	static uint64_t counts[] = {99, 1};
	struct turns *row = recording->turns;

	buckets[0] = histogram_bucket(2 * MADE_MS);
	buckets[1] = histogram_bucket(100 * MADE_MS);
	row[0] = (struct turns){.record = {.loop = 1,
					.to_ns = 500ULL * MADE_MS,
					.count = 60,
					.busy_ns = 120ULL * MADE_MS}};
	row[1] = (struct turns){.record = {.loop = 1,
					.from_ns = 500ULL * MADE_MS,
					.to_ns = 1000ULL * MADE_MS,
					.count = 40,
					.busy_ns = 276ULL * MADE_MS,
					.longest_ns = 100ULL * MADE_MS},
		.bucket_count = 2,
		.buckets = buckets,
		.counts = counts};
	recording->turns_count = 2;
	ck_assert_int_eq(diagnose(&diagnosis, recording), 0);
	ck_assert_uint_eq(diagnosis.loop_count, 1);
	ck_assert_uint_eq(diagnosis.loops[0].turns, 100);
	ck_assert_double_eq_tol(diagnosis.loops[0].utilisation, 0.396, 1e-9);
	ck_assert_double_eq_tol(diagnosis.loops[0].p50_ms, 2, 0.02);
	ck_assert_double_eq_tol(diagnosis.loops[0].p99_ms, 100, 1);
	ck_assert_double_eq_tol(diagnosis.loops[0].max_ms, 100, 1e-9);
}
END_TEST

START_TEST(a_loop_without_a_turn_counts_where_there_is_no_other)
{
	struct loop *second = recording_alloc(recording, sizeof(*second));

	second->record = (struct record_loop){.id = 2, .tid = 43, .thread = "helper"};
	second->index = 1;
	recording->loops[recording->loop_count++] = second;
	ck_assert_int_eq(diagnose(&diagnosis, recording), 0);
	ck_assert_uint_eq(diagnosis.loop_count, 2);
	ck_assert_uint_eq(diagnosis.loops[0].turns, 0);
	recording->turns[0] = (struct turns){.record = {.loop = 1, .to_ns = MADE_MS, .count = 1}};
	recording->turns_count = 1;
	ck_assert_int_eq(diagnose(&diagnosis, recording), 0);
	ck_assert_uint_eq(diagnosis.loop_count, 1);
}
END_TEST

/* Threads come and go. A histogram for each would take a gigabyte. */
START_TEST(many_loops_take_little_memory)
{
	enum { LOOPS = 30000 };
	static struct turns rows[LOOPS];
	struct loop **loops = recording_alloc(recording, LOOPS * sizeof(struct loop *));

	for (size_t i = 0; i < LOOPS; i++) {
		loops[i] = recording_alloc(recording, sizeof(*loops[i]));
		loops[i]->record = (struct record_loop){
			.id = (uint32_t)(LOOPS - i), .tid = (uint32_t)i, .thread = "worker"};
		loops[i]->index = i;
		rows[i] = (struct turns){.record = {.loop = (uint32_t)i + 1,
						 .to_ns = MADE_MS,
						 .count = i + 1,
						 .longest_ns = i + 1}};
	}
	recording->loops = loops;
	recording->loop_count = recording->turns_count = LOOPS;
	recording->turns = rows;
	ck_assert_int_eq(diagnose(&diagnosis, recording), 0);
	ck_assert_uint_eq(diagnosis.loop_count, LOOPS);
	for (size_t i = 0; i < LOOPS; i++)
		ck_assert_uint_eq(diagnosis.loops[i].turns, diagnosis.loops[i].loop->record.id);
}
END_TEST

START_TEST(what_was_not_observed_is_said)
{
	static const char *const expected[] = {
		"2 samples: the stack could not be read",
		"1 block of the recording is missing",
		"the recording ends inside a block: its last moments are missing",
		"names of JavaScript functions: refused",
	};

	recording->lost[LOSS_SAMPLE_STACK] = 2;
	recording->blocks_lost = 1;
	recording->truncated = true;
	for (int i = 0; i < 2; i++)
		recording->notes[recording->note_count++] =
			(struct note){.kind = NOTE_LIMITED, .text = expected[3]};
	ck_assert_int_eq(diagnose(&diagnosis, recording), 0);
	ck_assert_uint_eq(diagnosis.not_observed_count, 5);
	for (int i = 0; i < 4; i++)
		ck_assert_str_eq(diagnosis.not_observed[i], expected[i]);
}
END_TEST

/* Zeros that a crash of the machine left behind look like no block at all. */
START_TEST(a_tail_without_blocks_is_said)
{
	recording->bytes_skipped = 4096;
	ck_assert_int_eq(diagnose(&diagnosis, recording), 0);
	ck_assert_str_eq(diagnosis.not_observed[0],
		"4096 bytes of the file are no intact block: what was there is missing");
	recording->blocks_lost = 2;
	ck_assert_int_eq(diagnose(&diagnosis, recording), 0);
	ck_assert_str_eq(diagnosis.not_observed[0], "2 blocks of the recording are missing");
	ck_assert_uint_eq(diagnosis.not_observed_count, 2);
}
END_TEST

START_TEST(notes_without_end_are_cut)
{
	for (int i = 0; i < 1000; i++) {
		char text[32];
		int length = snprintf(text, sizeof(text), "note %d", i);

		recording->notes[recording->note_count++] = (struct note){.kind = NOTE_LIMITED,
			.text = recording_text(recording, text, (size_t)length)};
	}
	ck_assert_int_eq(diagnose(&diagnosis, recording), 0);
	ck_assert_uint_eq(diagnosis.not_observed_count, 66);
	ck_assert_str_eq(diagnosis.not_observed[63], "note 63");
	ck_assert_ptr_nonnull(strstr(diagnosis.not_observed[64], "holter dump"));
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("analyze");
	TCase *tcase = tcase_create("analyze");

	tcase_add_checked_fixture(tcase, begin_node, finish);
	tcase_add_loop_test(
		tcase, cause_by_where_the_time_went, 0, sizeof(causes) / sizeof(causes[0]));
	tcase_add_loop_test(
		tcase, sleep_within_a_collection_is_its_own, 0, sizeof(naps) / sizeof(naps[0]));
	tcase_add_loop_test(tcase, collections_are_no_larger_where_little_was_measured, 0,
		sizeof(tails) / sizeof(tails[0]));
	tcase_add_test(tcase, shares_are_of_all_the_time);
	tcase_add_loop_test(
		tcase, congestion_is_claimed_when_counted, 0, sizeof(turns) / sizeof(turns[0]));
	tcase_add_loop_test(tcase, sleep_outside_system_calls_is_a_page_fault, 0, 2);
	tcase_add_loop_test(
		tcase, sleep_is_divided_as_it_was_seen, 0, sizeof(sleeps) / sizeof(sleeps[0]));
	tcase_add_loop_test(tcase, what_a_sleep_waited_for, 0, 2);
	tcase_add_loop_test(tcase, the_interpreters_lock_is_known_by_who_waits, 0, 2);
	tcase_add_loop_test(tcase,
		who_waits_for_the_interpreters_lock_is_not_blamed_unless_it_works_as_well, 0, 2);
	tcase_add_test(tcase, work_on_a_busy_host_is_still_work);
	tcase_add_test(tcase, unmeasured_stalls_are_judged_by_their_samples);
	tcase_add_loop_test(tcase, severity_by_count_and_lost_time, 0,
		sizeof(severities) / sizeof(severities[0]));
	tcase_add_test(tcase, a_starved_host_is_one_step_less_severe);
	tcase_add_test(tcase, a_loop_that_went_on_does_not_hang);
	tcase_add_test(tcase, what_went_on_already_is_at_least_as_long);
	tcase_add_test(tcase, missing_time_is_not_observed);
	tcase_add_test(tcase, a_hang_outlives_the_tool_that_watched_it);
	tcase_add_test(tcase, a_hang_that_was_seen_to_begin_is_as_long_as_it_is);
	tcase_add_test(tcase, absurd_figures_are_borne);
	tcase_add_test(tcase, the_collector_is_no_function_to_look_for);
	tcase_add_test(tcase, startup_is_no_finding);
	tcase_add_test(tcase, stalls_without_a_stack_blame_nobody);
	tcase_add_test(tcase, loops_share_a_finding);
	tcase_add_test(tcase, loops_are_measured_by_their_histograms);
	tcase_add_test(tcase, a_loop_without_a_turn_counts_where_there_is_no_other);
	tcase_add_test(tcase, many_loops_take_little_memory);
	tcase_add_test(tcase, what_was_not_observed_is_said);
	tcase_add_test(tcase, a_tail_without_blocks_is_said);
	tcase_add_test(tcase, notes_without_end_are_cut);
	suite_add_tcase(suite, tcase);
	return suite;
}
