/* SPDX-License-Identifier: Apache-2.0 */
/* test_culprit.c - who is to blame, what is one finding, and how sure that is: on recordings made
 * by hand. */
#include "suite.h"

#include <stdio.h>
#include <string.h>

#include "finding.h"
#include "judged.h"
#include "made.h"

/* The bank's crypto case: the application's function is to blame, not the library's below it. */
START_TEST(culprit_is_the_deepest_application_function)
{
	const struct finding *finding;

	for (int i = 0; i < 20; i++)
		made_plain(recording, i * 400, 150,
			"sha512!/usr/bin/node PBKDF2Job!/usr/bin/node "
			"pbkdf2Sync@node:internal/crypto/pbkdf2:62 "
			"hashPassword@/app/server.js:8 login@/app/server.js:12 " NODE_ROOTS,
			11, -1);
	finding = diagnose_first();
	ck_assert_uint_eq(diagnosis.finding_count, 1);
	ck_assert_int_eq(finding->kind, FINDING_STALL);
	ck_assert_int_eq(finding->cause, CAUSE_ON_CPU);
	ck_assert_int_eq(finding->severity, SEVERITY_CRITICAL);
	ck_assert_str_eq(finding->culprit.function, "hashPassword");
	ck_assert_str_eq(finding->culprit.file, "/app/server.js");
	ck_assert_uint_eq(finding->culprit.line, 8);
	ck_assert_uint_eq(finding->culprit.function_line, 7);
	ck_assert_ptr_null(finding->culprit.module);
	ck_assert_uint_eq(finding->culprit.depth, 3);
	ck_assert_double_eq_tol(finding->culprit.share, 1, 1e-9);
	ck_assert_double_eq_tol(finding->culprit.share_of_kind, 1, 1e-9);
	ck_assert_double_gt(finding->confidence, 0.95);
	ck_assert_str_eq(finding->summary,
		"hashPassword (server.js:8) held the event loop 30 % of the time");
	ck_assert_uint_eq(finding->stall.count, 20);
	ck_assert_double_eq_tol(finding->stall.total_ms, 3000, 1e-6);
	ck_assert_double_eq_tol(finding->stall.lost_share, 0.3, 1e-9);
	ck_assert_ptr_null(finding->stall.syscall);
	ck_assert_ptr_eq(finding->loop, recording->loops[0]);
}
END_TEST

/* One after the other in one turn, and what both share runs every turn. */
START_TEST(most_of_the_weight_says_more_than_what_runs_turns)
{
	static const struct {
		const char *longer, *shorter, *expected;
		double weight_ms; /* of 100 */
	} cases[] = {
		{"map@/app/node_modules/orm/map.js:5 ", "query@/app/node_modules/orm/q.js:9 ",
			"map", 60},
		{"price@/app/a.js:5 ", "render@/app/b.js:9 ", "price", 60},
		{"hex!/srv/own.node ", "pack!/srv/own.node ", "hex", 60},
		{"map@/app/node_modules/orm/map.js:5 ", "query@/app/node_modules/orm/q.js:9 ",
			"processTicksAndRejections", 45},
	};
	char longer[256], shorter[256];

	snprintf(longer, sizeof(longer), "%s" NODE_ROOTS, cases[_i].longer);
	snprintf(shorter, sizeof(shorter), "%s" NODE_ROOTS, cases[_i].shorter);
	for (int i = 0; i < 10; i++) {
		made_stall(recording, i * 400, 100, 100);
		made_sample(recording, longer, cases[_i].weight_ms, -1);
		made_sample(recording, shorter, (100 - cases[_i].weight_ms) / 2, -1);
		made_sample(recording, NODE_ROOTS, (100 - cases[_i].weight_ms) / 2, -1);
	}
	ck_assert_str_eq(diagnose_first()->culprit.function, cases[_i].expected);
	ck_assert_uint_eq(diagnosis.finding_count, 1);
}
END_TEST

START_TEST(classes_are_tried_in_order)
{
	static const struct {
		const char *stack, *expected;
		enum frame_class frame_class;
	} cases[] = {
		{"f!/usr/bin/node g@node:fs:3 parse@/app/node_modules/xml/x.js:9 " NODE_ROOTS,
			"parse", CLASS_DEPENDENCY},
		{"f!/usr/bin/node readSync@node:fs:3 " NODE_ROOTS, "readSync", CLASS_RUNTIME},
		{"mark!/usr/bin/node CollectGarbage!/usr/bin/node uv_run!/usr/bin/node", "mark",
			CLASS_NATIVE_LIBRARY},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct finding *finding;

		begin_node();
		for (int j = 0; j < 3; j++)
			made_plain(recording, j * 1000, 100, cases[i].stack, 5, -1);
		finding = diagnose_first();
		ck_assert_str_eq(finding->culprit.function, cases[i].expected);
		ck_assert_int_eq(finding->culprit.frame_class, cases[i].frame_class);
		finish();
	}
}
END_TEST

START_TEST(recursion_counts_once_and_the_line_is_the_heaviest)
{
	const struct finding *finding;

	for (int i = 0; i < 4; i++) {
		made_stall(recording, i * 1000, 100, 100);
		made_sample(recording,
			"walk@/app/t.js:5 walk@/app/t.js:9 walk@/app/t.js:9 " NODE_ROOTS, 20, -1);
		made_sample(recording, "walk@/app/t.js:7 walk@/app/t.js:9 " NODE_ROOTS, 30, -1);
		made_sample(recording, "walk@/app/t.js:7 " NODE_ROOTS, 50, -1);
	}
	/* A function's declaration is one line, whatever line it is at. */
	for (size_t i = 0; i < recording->stack_count; i++) {
		for (size_t j = 0; j < recording->stacks[i]->count; j++) {
			struct frame *frame = &recording->stacks[i]->frames[j];

			if (frame->function && strcmp(frame->function->name, "walk") == 0)
				((struct function *)frame->function)->line = 4;
			/* The heaviest stack is at another place of line 7. */
			if (recording->stacks[i]->count == 4)
				frame->column = 9;
		}
	}
	finding = diagnose_first();
	ck_assert_uint_eq(diagnosis.finding_count, 1);
	ck_assert_str_eq(finding->culprit.function, "walk");
	ck_assert_uint_eq(finding->culprit.line, 7);
	ck_assert_uint_eq(finding->culprit.column, 9);
	ck_assert_uint_eq(finding->culprit.function_line, 4);
	ck_assert_double_eq_tol(finding->culprit.share, 1, 1e-9);
}
END_TEST

/* Anonymous functions, and methods of one name, are told apart by where they are declared: code
 * that was made small has one line. */
START_TEST(one_name_may_be_several_functions)
{
	bool by_column = _i == 1;

	for (unsigned i = 0; i < 10; i++) {
		struct stall *stall = made_plain(recording, i * 900, 150,
			"()@/app/s.min.js:2 ()@/app/s.min.js:9 " NODE_ROOTS, 11, -1);

		for (size_t j = 0; j < stall->sample_count; j++) {
			struct function *function =
				(struct function *)recording->samples[stall->first_sample + j]
					.stack->frames[0]
					.function;

			function->line = by_column ? 1 : 1 + i % 2;
			function->column = by_column ? 100 + i % 2 : 0;
		}
	}
	diagnose_first();
	ck_assert_uint_eq(diagnosis.finding_count, 2);
	ck_assert_uint_eq(diagnosis.findings[0].stall.count, 5);
}
END_TEST

/* Two handlers, each slow by itself, under one listener. */
START_TEST(different_culprits_are_different_findings)
{
	const struct finding *finding;

	for (int i = 0; i < 12; i++) {
		made_plain(recording, i * 800, 150,
			"hash@/app/s.js:8 login@/app/s.js:20 ()@/app/s.js:40 " NODE_ROOTS, 11, -1);
		made_plain(recording, i * 800 + 400, 60,
			"match@/app/s.js:4 signup@/app/s.js:30 ()@/app/s.js:40 " NODE_ROOTS, 2, -1);
	}
	finding = diagnose_first();
	ck_assert_uint_eq(diagnosis.finding_count, 2);
	ck_assert_str_eq(finding[0].culprit.function, "hash");
	ck_assert_uint_eq(finding[0].stall.count, 12);
	ck_assert_double_eq_tol(finding[0].culprit.share_of_kind, 150.0 / 210, 1e-9);
	ck_assert_str_eq(finding[1].culprit.function, "match");
	ck_assert_uint_eq(finding[1].stall.count, 12);
	ck_assert_double_eq_tol(finding[1].culprit.share_of_kind, 60.0 / 210, 1e-9);
}
END_TEST

/* A turn that served both requests, however long, does not make two slow handlers one. */
START_TEST(mixed_stalls_merge_nothing)
{
	static const struct {
		unsigned often, seldom, mixed;
	} turns[] = {{11, 5, 1}, {8, 4, 2}, {30, 3, 5}};
	static const char often[] = "heavy@/app/s.js:4 ()@/app/s.js:10 " NODE_ROOTS;
	static const char seldom[] = "sign@/app/s.js:8 ()@/app/s.js:10 " NODE_ROOTS;
	const unsigned alone = turns[_i].often + turns[_i].seldom;
	unsigned i = 0;

	for (; i < alone; i++)
		made_plain(recording, i * 200, 120, i < turns[_i].often ? often : seldom, 8, -1);
	for (; i < alone + turns[_i].mixed; i++) {
		made_stall(recording, i * 200, 240, 240);
		for (int j = 0; j < 30; j++)
			made_sample(recording, j < 16 ? often : seldom, 8, -1);
	}
	diagnose_first();
	ck_assert_uint_eq(diagnosis.finding_count, 2);
	ck_assert_str_eq(diagnosis.findings[0].culprit.function, "heavy");
	ck_assert_uint_eq(diagnosis.findings[0].stall.count, turns[_i].often + turns[_i].mixed);
	ck_assert_str_eq(diagnosis.findings[1].culprit.function, "sign");
	ck_assert_uint_eq(diagnosis.findings[1].stall.count, turns[_i].seldom);
}
END_TEST

/* One function, reached through two handlers, is one finding. */
START_TEST(one_culprit_is_one_finding)
{
	const struct finding *finding;

	for (int i = 0; i < 10; i++)
		made_plain(recording, i * 900, 150,
			i % 2 ? "hash@/app/s.js:8 login@/app/s.js:20 ()@/app/s.js:40 " NODE_ROOTS
			      : "hash@/app/s.js:8 change@/app/s.js:30 ()@/app/s.js:50 " NODE_ROOTS,
			11, -1);
	finding = diagnose_first();
	ck_assert_uint_eq(diagnosis.finding_count, 1);
	ck_assert_str_eq(finding->culprit.function, "hash");
	ck_assert_uint_eq(finding->stall.count, 10);
}
END_TEST

/* A slow function that calls many helpers is to blame for all of them, although single stalls may
 * show one helper only. */
START_TEST(helpers_do_not_part_their_caller)
{
	const struct finding *finding;
	unsigned random = 7;

	for (int i = 0; i < 20; i++) {
		made_stall(recording, i * 450, 100, 100);
		for (int j = 0; j < 6; j++) {
			char stack[256];

			random = random * 1103515245 + 12345;
			snprintf(stack, sizeof(stack),
				"help%u@/app/r.js:%u render@/app/r.js:90 "
				"()@/app/s.js:40 " NODE_ROOTS,
				(random >> 16) % 3, 10 + (random >> 16) % 3);
			made_sample(recording, stack, j == 0 ? 50 : 10, -1);
		}
	}
	finding = diagnose_first();
	ck_assert_uint_eq(diagnosis.finding_count, 1);
	ck_assert_str_eq(finding->culprit.function, "render");
	ck_assert_uint_eq(finding->stall.count, 20);
}
END_TEST

/* Stalls of one sample each agree with themselves by chance: that parts nothing. */
START_TEST(single_samples_part_nothing)
{
	const struct finding *finding;

	for (int i = 0; i < 12; i++)
		made_plain(recording, i * 450, 55,
			i % 2 ? "one@/app/r.js:10 render@/app/r.js:90 " NODE_ROOTS
			      : "two@/app/r.js:20 render@/app/r.js:90 " NODE_ROOTS,
			1, -1);
	finding = diagnose_first();
	ck_assert_uint_eq(diagnosis.finding_count, 1);
	ck_assert_str_eq(finding->culprit.function, "render");
}
END_TEST

/* Nor does one stall among them whose two samples happen to agree. */
START_TEST(few_samples_part_nothing)
{
	const struct finding *finding;

	for (int i = 0; i < 12; i++)
		made_plain(recording, i * 450, 55,
			i % 2 ? "one@/app/r.js:10 render@/app/r.js:90 " NODE_ROOTS
			      : "two@/app/r.js:20 render@/app/r.js:90 " NODE_ROOTS,
			i == 0 ? 2 : 1, -1);
	finding = diagnose_first();
	ck_assert_uint_eq(diagnosis.finding_count, 1);
	ck_assert_str_eq(finding->culprit.function, "render");
}
END_TEST

/* Five functions, once each: apart none is a finding, together their caller is. */
START_TEST(parting_hides_nothing)
{
	const struct finding *finding;

	for (int i = 0; i < 5; i++) {
		char stack[256];

		snprintf(stack, sizeof(stack), "page%d@/app/r.js:%d route@/app/s.js:90 " NODE_ROOTS,
			i, 10 * (i + 1));
		made_plain(recording, i * 1000, 100, stack, 6, -1);
	}
	finding = diagnose_first();
	ck_assert_uint_eq(diagnosis.finding_count, 1);
	ck_assert_str_eq(finding->culprit.function, "route");
	ck_assert_int_eq(finding->severity, SEVERITY_WARNING);
}
END_TEST

/* Twelve handlers, each slow twice: none is a finding, and the loop is gone for 14 % of the time.
 */
START_TEST(many_small_origins_are_one_finding)
{
	static const struct {
		double duration_ms;
		const char *below; /* what all handlers call */
		size_t findings;
		enum severity severity;
		const char *culprit;
	} cases[] = {
		{60, "", 1, SEVERITY_WARNING, NULL},
		{60, "render@/app/node_modules/view/i.js:4 ", 1, SEVERITY_WARNING, "render"},
		{60, "inflate@node:zlib:30 ", 1, SEVERITY_WARNING, "inflate"},
		{30, "", 12, SEVERITY_INFO, "page0"},
	};

	for (int i = 0; i < 24; i++) {
		char stack[256];

		snprintf(stack, sizeof(stack),
			"%spage%d@/app/r.js:%d emit@node:events:20 " NODE_ROOTS, cases[_i].below,
			i % 12, 10 * (i % 12 + 1));
		made_plain(recording, i * 400, cases[_i].duration_ms, stack, 6, -1);
	}
	diagnose_first();
	ck_assert_uint_eq(diagnosis.finding_count, cases[_i].findings);
	ck_assert_int_eq(diagnosis.findings[0].severity, cases[_i].severity);
	ck_assert_int_eq(diagnosis.findings[0].has_culprit, cases[_i].culprit != NULL);
	if (cases[_i].culprit)
		ck_assert_str_eq(diagnosis.findings[0].culprit.function, cases[_i].culprit);
	else
		ck_assert_str_eq(diagnosis.findings[0].summary,
			"the event loop was held 14 % of the time, by no single function");
}
END_TEST

/* Where there is a finding, the small ones keep their names. */
START_TEST(small_origins_beside_a_finding_are_left_alone)
{
	for (int i = 0; i < 24; i++) {
		char stack[256];

		snprintf(stack, sizeof(stack), "page%d@/app/r.js:%d " NODE_ROOTS, i % 12,
			10 * (i % 12 + 1));
		made_plain(recording, i * 400, 60, stack, 6, -1);
		made_plain(recording, i * 400 + 200, 60, "hash@/app/s.js:8 " NODE_ROOTS, 6, -1);
	}
	diagnose_first();
	ck_assert_uint_eq(diagnosis.finding_count, 13);
	ck_assert_str_eq(diagnosis.findings[0].culprit.function, "hash");
}
END_TEST

/* Two thirds of the samples show the whole stack; the others cannot speak against what they do not
 * show. */
START_TEST(cut_stacks_abstain)
{
	const struct finding *finding;

	for (int i = 0; i < 10; i++) {
		made_stall(recording, i * 900, 150, 150);
		for (int j = 0; j < 9; j++)
			made_sample(recording,
				j % 3 ? "sha!/usr/bin/node hash@/app/s.js:8 "
					"login@/app/s.js:20 " NODE_ROOTS
				      : "sha!/usr/bin/node |",
				15, -1);
	}
	finding = diagnose_first();
	ck_assert_uint_eq(diagnosis.finding_count, 1);
	ck_assert_str_eq(finding->culprit.function, "hash");
	ck_assert_double_eq_tol(finding->culprit.share, 2.0 / 3, 1e-6);
	ck_assert_double_lt(finding->confidence, 0.67);
}
END_TEST

START_TEST(cut_stacks_do_not_hide_a_parting)
{
	for (int i = 0; i < 10; i++) {
		made_stall(recording, i * 900, 150, 150);
		for (int j = 0; j < 9; j++)
			made_sample(recording,
				j % 3 == 0 ? "sha!/usr/bin/node |"
				: i % 2    ? "one@/app/s.js:8 ()@/app/s.js:20 " NODE_ROOTS
					   : "two@/app/s.js:9 ()@/app/s.js:20 " NODE_ROOTS,
				15, -1);
	}
	diagnose_first();
	ck_assert_uint_eq(diagnosis.finding_count, 2);
}
END_TEST

/* But a few samples do not speak for all. */
START_TEST(few_whole_stacks_do_not_decide)
{
	for (int i = 0; i < 10; i++) {
		made_stall(recording, i * 900, 150, 150);
		for (int j = 0; j < 9; j++)
			made_sample(recording,
				j ? "sha!/usr/bin/node |"
				  : "sha!/usr/bin/node hash@/app/s.js:8 " NODE_ROOTS,
				15, -1);
	}
	ck_assert_str_eq(diagnose_first()->culprit.function, "sha");
}
END_TEST

START_TEST(nothing_in_common_is_parted)
{
	for (int i = 0; i < 6; i++)
		made_plain(recording, i * 1000, 55,
			i % 2 ? "tick@/app/a.js:9 " NODE_ROOTS : "tock@/app/b.js:9 " NODE_ROOTS, 1,
			-1);
	diagnose_first();
	ck_assert_uint_eq(diagnosis.finding_count, 2);
	ck_assert_str_ne(
		diagnosis.findings[0].culprit.function, diagnosis.findings[1].culprit.function);
}
END_TEST

/* The line that runs the loop is the application's, and on every stack: a package that is called
 * back from there is to blame all the same. */
START_TEST(who_runs_the_loop_is_not_to_blame)
{
	made_resting(recording, "poll@node:loop:9 once@node:loop:20 main@/app/server.js:17");
	for (int i = 0; i < 5; i++)
		made_plain(recording, i * 900, 150,
			"parse@/app/node_modules/slow/index.js:3 emit@node:events:80 "
			"once@node:loop:20 main@/app/server.js:17",
			11, -1);
	ck_assert_str_eq(diagnose_first()->culprit.function, "parse");
	ck_assert_int_eq(diagnosis.findings[0].culprit.frame_class, CLASS_DEPENDENCY);
}
END_TEST

/* Each stack by what it shares with the wait that it is most like. */
START_TEST(every_loop_has_its_own_way_to_wait)
{
	static const char *const waits[] = {"poll!/usr/lib/libc.so.6 accept_loop!/srv/server",
		"poll!/usr/lib/libc.so.6 turn!/srv/server spin!/srv/server main!/srv/server",
		"poll!/usr/lib/libc.so.6 main!/srv/server", "poll!/usr/lib/libc.so.6 |",
		"poll!/usr/lib/libc.so.6 zeta!/srv/server main!/srv/server"};

	finish();
	recording = made_recording("", "/srv/server");
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
		made_resting(recording, waits[i]);
	for (int i = 0; i < 10; i++) {
		char stack[256];

		snprintf(stack, sizeof(stack),
			"write!/usr/lib/libc.so.6 work%d!/srv/server turn!/srv/server "
			"spin!/srv/server main!/srv/server",
			i % 2);
		made_plain(recording, i * 900, 150, stack, 6, -1);
	}
	diagnose_first();
	ck_assert_uint_eq(diagnosis.finding_count, 2);
	for (size_t i = 0; i < diagnosis.finding_count; i++) {
		const struct culprit *culprit = &diagnosis.findings[i].culprit;

		ck_assert_int_eq(strncmp(culprit->function, "work", 4), 0);
	}
}
END_TEST

/* Where a loop does the work itself, with nothing but libraries below, it is. */
START_TEST(a_loop_that_works_itself_is_to_blame)
{
	finish();
	recording = made_recording("", "/srv/server");
	made_resting(recording, "epoll_wait!/usr/lib/libc.so.6 serve!/srv/server main!/srv/server "
				"__libc_start_main!/usr/lib/libc.so.6 _start!/srv/server");
	for (int i = 0; i < 5; i++)
		made_plain(recording, i * 900, 150,
			"sha512!/usr/lib/libcrypto.so.3 serve!/srv/server main!/srv/server "
			"__libc_start_main!/usr/lib/libc.so.6 _start!/srv/server",
			11, -1);
	ck_assert_str_eq(diagnose_first()->culprit.function, "serve");
}
END_TEST

/* Nameless frames of a stripped program differ at every address: what started them is not to blame.
 */
START_TEST(nobody_is_to_blame_rather_than_the_entry)
{
	finish();
	recording = made_recording("", "/srv/server");
	made_resting(recording, "epoll_wait!/usr/lib/libc.so.6 wait!/srv/server "
				"__libc_start_main!/usr/lib/libc.so.6 _start!/srv/server");
	for (int i = 0; i < 8; i++) {
		made_stall(recording, i * 900, 100, 100);
		for (int j = 0; j < 10; j++) {
			char stack[256];

			snprintf(stack, sizeof(stack),
				"serve%d!/srv/server __libc_start_main!/usr/lib/libc.so.6 "
				"_start!/srv/server",
				j);
			made_sample(recording, stack, 10, -1);
		}
	}
	ck_assert(!diagnose_first()->has_culprit);
}
END_TEST

/* A turn of many small callbacks is often met between two of them. */
START_TEST(a_dispatcher_between_callbacks_abstains)
{
	for (int i = 0; i < 10; i++) {
		made_stall(recording, i * 900, 100, 100);
		for (int j = 0; j < 10; j++)
			made_sample(recording,
				j < 7 ? "total@/app/s.js:8 ()@/app/s.js:20 " NODE_ROOTS
				      : NODE_ROOTS,
				10, -1);
	}
	ck_assert_str_eq(diagnose_first()->culprit.function, "total");
	ck_assert_double_eq_tol(diagnosis.findings[0].culprit.share, 0.7, 1e-9);
}
END_TEST

/* Five stalls with this stack, whose frames with a file are Python's. */
static void made_python(const char *frames)
{
	finish();
	recording = made_recording("python 3.11.2", "/usr/bin/python3.11");
	for (int i = 0; i < 5; i++) {
		struct stall *stall = made_plain(recording, i * 900, 150, frames, 11, -1);

		for (size_t j = 0; j < stall->sample_count; j++) {
			struct stack *stack = recording->samples[stall->first_sample + j].stack;

			for (size_t frame = 0; frame < stack->count; frame++)
				if (stack->frames[frame].line)
					stack->frames[frame].kind = FRAME_PYTHON;
		}
	}
}

START_TEST(a_comprehension_is_its_function)
{
	const struct finding *finding;

	made_python(
		"rank.<locals>.<listcomp>@/srv/app.py:6 rank@/srv/app.py:5 handle@/srv/app.py:20");
	finding = diagnose_first();
	ck_assert_str_eq(finding->culprit.function, "rank");
	ck_assert_uint_eq(finding->culprit.line, 6);
	ck_assert_uint_eq(diagnosis.finding_count, 1);
}
END_TEST

START_TEST(a_generator_is_the_function_that_consumes_it_itself)
{
	const struct finding *finding;

	made_python("total.<locals>.<genexpr>@/srv/app.py:6 sum!/usr/bin/python3.11 "
		    "total@/srv/app.py:5 "
		    "handle@/srv/app.py:20");
	finding = diagnose_first();
	ck_assert_str_eq(finding->culprit.function, "total");
	ck_assert_uint_eq(finding->culprit.line, 6);
	/* In a comprehension of it. */
	made_python("rank.<locals>.<listcomp>.<genexpr>@/srv/app.py:6 sum!/usr/bin/python3.11 "
		    "rank.<locals>.<listcomp>@/srv/app.py:6 rank@/srv/app.py:5 "
		    "handle@/srv/app.py:20");
	ck_assert_str_eq(diagnose_first()->culprit.function, "rank");
	/* Of a name that only begins alike; consumed by another function. */
	made_python("total.<locals>.<genexpr>@/srv/app.py:6 tot@/srv/app.py:5 "
		    "handle@/srv/app.py:20");
	ck_assert_str_eq(diagnose_first()->culprit.function, "total.<locals>.<genexpr>");
}
END_TEST

START_TEST(native_culprit_has_a_module)
{
	static const char server[] = "/usr/bin/redis-server";
	const struct finding *finding;

	finish();
	recording = made_recording("", server);
	for (int i = 0; i < 5; i++)
		made_plain(recording, i * 1000, 100,
			"luaV_execute!/usr/lib/x86_64-linux-gnu/liblua5.1.so.0 "
			"!/usr/bin/redis-server "
			"evalGenericCommand!/usr/bin/redis-server call!/usr/bin/redis-server "
			"main!/usr/bin/redis-server",
			6, -1);
	finding = diagnose_first();
	/* The nameless function below it is deeper, but tells nobody anything. */
	ck_assert_str_eq(finding->culprit.function, "evalGenericCommand");
	ck_assert_str_eq(finding->culprit.module, server);
	ck_assert_str_eq(finding->culprit.file, "");
	ck_assert_str_eq(finding->summary,
		"evalGenericCommand (redis-server) held the event loop 5.0 % of the time");
}
END_TEST

START_TEST(blocked_names_the_call)
{
	const struct finding *finding;

	for (int i = 0; i < 10; i++)
		made_plain(recording, i * 900, 120,
			"read!/usr/lib/libc.so.6 readSync@node:fs:700 "
			"load@/app/s.js:22 " NODE_ROOTS,
			8, 0);
	finding = diagnose_first();
	ck_assert_int_eq(finding->cause, CAUSE_BLOCKED);
	ck_assert_str_eq(finding->stall.syscall, "read");
	ck_assert_str_eq(finding->culprit.function, "load");
	ck_assert_str_eq(finding->summary,
		"load (s.js:22) slept in read and held the event loop 12 % of the time");
}
END_TEST

/* One call, or none, is named: not the first of many. */
START_TEST(sleep_in_many_calls_names_none)
{
	for (int i = 0; i < 10; i++) {
		made_stall(recording, i * 900, 120, 0);
		for (int call = 0; call < 3; call++)
			made_sample(recording, "load@/app/s.js:22 " NODE_ROOTS, 40, call);
	}
	ck_assert_int_eq(diagnose_first()->cause, CAUSE_BLOCKED);
	ck_assert_ptr_null(diagnose_first()->stall.syscall);
}
END_TEST

static double confidence_of(const char *stack, unsigned stalls, unsigned samples)
{
	double confidence;

	begin_node();
	for (unsigned i = 0; i < stalls; i++)
		made_plain(recording, i * 900, 100, stack, samples, -1);
	confidence = diagnose_first()->confidence;
	finish();
	return confidence;
}

START_TEST(confidence_falls_with_doubt_and_few_samples)
{
	double sure = confidence_of("f@/app/s.js:8 " NODE_ROOTS, 10, 10);

	ck_assert_double_eq_tol(sure, 100.0 / 102, 1e-6);
	ck_assert_double_eq_tol(confidence_of("f@/app/s.js:8 " NODE_ROOTS, 1, 1), 1.0 / 3, 1e-6);
	ck_assert_double_eq_tol(confidence_of("~x!/usr/bin/node f@/app/s.js:8 " NODE_ROOTS, 10, 10),
		sure / 2, 1e-6);
	/* A doubt above the culprit is none about the culprit. */
	ck_assert_double_eq_tol(
		confidence_of("f@/app/s.js:8 ~x!/usr/bin/node " NODE_ROOTS, 10, 10), sure, 1e-6);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("culprit");
	TCase *tcase = tcase_create("culprit");

	tcase_add_checked_fixture(tcase, begin_node, finish);
	tcase_add_test(tcase, culprit_is_the_deepest_application_function);
	tcase_add_loop_test(tcase, most_of_the_weight_says_more_than_what_runs_turns, 0, 4);
	tcase_add_test(tcase, recursion_counts_once_and_the_line_is_the_heaviest);
	tcase_add_loop_test(tcase, one_name_may_be_several_functions, 0, 2);
	tcase_add_test(tcase, different_culprits_are_different_findings);
	tcase_add_loop_test(tcase, mixed_stalls_merge_nothing, 0, 3);
	tcase_add_test(tcase, one_culprit_is_one_finding);
	tcase_add_test(tcase, helpers_do_not_part_their_caller);
	tcase_add_test(tcase, single_samples_part_nothing);
	tcase_add_test(tcase, few_samples_part_nothing);
	tcase_add_test(tcase, parting_hides_nothing);
	tcase_add_loop_test(tcase, many_small_origins_are_one_finding, 0, 4);
	tcase_add_test(tcase, small_origins_beside_a_finding_are_left_alone);
	tcase_add_test(tcase, cut_stacks_abstain);
	tcase_add_test(tcase, cut_stacks_do_not_hide_a_parting);
	tcase_add_test(tcase, few_whole_stacks_do_not_decide);
	tcase_add_test(tcase, nothing_in_common_is_parted);
	tcase_add_test(tcase, native_culprit_has_a_module);
	tcase_add_test(tcase, a_comprehension_is_its_function);
	tcase_add_test(tcase, a_generator_is_the_function_that_consumes_it_itself);
	tcase_add_test(tcase, who_runs_the_loop_is_not_to_blame);
	tcase_add_test(tcase, every_loop_has_its_own_way_to_wait);
	tcase_add_test(tcase, a_loop_that_works_itself_is_to_blame);
	tcase_add_test(tcase, nobody_is_to_blame_rather_than_the_entry);
	tcase_add_test(tcase, a_dispatcher_between_callbacks_abstains);
	tcase_add_test(tcase, blocked_names_the_call);
	tcase_add_test(tcase, sleep_in_many_calls_names_none);
	suite_add_tcase(suite, tcase);

	/* These make recordings of their own. */
	TCase *several = tcase_create("several recordings");
	tcase_add_test(several, classes_are_tried_in_order);
	tcase_add_test(several, confidence_falls_with_doubt_and_few_samples);
	suite_add_tcase(suite, several);
	return suite;
}
