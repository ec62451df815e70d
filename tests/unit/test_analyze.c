/* SPDX-License-Identifier: Apache-2.0 */
/* test_analyze.c - frame classes, culprits, groups, causes, severity: on recordings made by hand.
 */
#include "suite.h"

#include <stdio.h>
#include <string.h>

#include "finding.h"
#include "histogram.h"
#include "made.h"

static const char NODE[] = "node 20.20.2";
static const char NODE_PATH[] = "/usr/bin/node";
static const char PYTHON[] = "python 3.11.2";
static const char PYTHON_PATH[] = "/usr/bin/python3.11";

/* What every Node stack ends in. */
#define NODE_ROOTS                                                                                 \
	"processTicksAndRejections@node:internal/process/task_queues:95 "                          \
	"uv_run!/usr/bin/node main!/usr/bin/node"

static struct recording *recording;
static struct diagnosis diagnosis;

static void begin_node(void)
{
	recording = made_recording(NODE, NODE_PATH);
}

static void finish(void)
{
	made_free(recording);
}

static const struct finding *diagnose_first(void)
{
	ck_assert_int_eq(diagnose(&diagnosis, recording), 0);
	ck_assert_uint_ge(diagnosis.finding_count, 1);
	return &diagnosis.findings[0];
}

static const struct {
	const char *frame;
	const char *runtime, *program;
	enum frame_class expected;
} classes[] = {
	{"f@/app/server.js:2", NODE, NODE_PATH, CLASS_APPLICATION},
	{"f@file:///app/server.mjs:2", NODE, NODE_PATH, CLASS_APPLICATION},
	{"f@evalmachine.<anonymous>:2", NODE, NODE_PATH, CLASS_APPLICATION},
	{"f@/app/node_modules/pg/lib/client.js:2", NODE, NODE_PATH, CLASS_DEPENDENCY},
	{"f@node_modules/pg/lib/client.js:2", NODE, NODE_PATH, CLASS_DEPENDENCY},
	{"f@/app/my_node_modules/client.js:2", NODE, NODE_PATH, CLASS_APPLICATION},
	{"f@node:internal/fs:2", NODE, NODE_PATH, CLASS_RUNTIME},
	{"f!/usr/bin/node", NODE, NODE_PATH, CLASS_NATIVE_LIBRARY},
	{"f!/opt/node/bin/node", NODE, "/opt/node/bin/node", CLASS_NATIVE_LIBRARY},
	{"f!/app/node_modules/bcrypt/bcrypt.node", NODE, NODE_PATH, CLASS_DEPENDENCY},
	{"f!/app/build/Release/own.node", NODE, NODE_PATH, CLASS_APPLICATION},
	{"f!/usr/bin/redis-server", "", "/usr/bin/redis-server", CLASS_APPLICATION},
	{"f!/usr/lib/own/server_(deleted)", "", "/usr/lib/own/server", CLASS_APPLICATION},
	{"f!/usr/lib/x86_64-linux-gnu/libc.so.6", "", "/srv/server", CLASS_NATIVE_LIBRARY},
	{"f!/lib64/libc.so.6", "", "/srv/server", CLASS_NATIVE_LIBRARY},
	{"f!/srv/lib/libours.so", "", "/srv/server", CLASS_APPLICATION},
	{"f!/opt/holter/libholter.so", "", "/srv/server", CLASS_NATIVE_LIBRARY},
	{"f!/usr/lib/python3/dist-packages/numpy/core.so", "python 3.11.2", "/usr/bin/python3.11",
		CLASS_DEPENDENCY},
	{"f!/opt/py/lib/libpython3.13.so.1.0", PYTHON, PYTHON_PATH, CLASS_NATIVE_LIBRARY},
	{"f!/opt/py/lib/python3.13/lib-dynload/_json.so", PYTHON, PYTHON_PATH,
		CLASS_NATIVE_LIBRARY},
	{"f!/srv/app/fast.cpython-311-x86_64-linux-gnu.so", PYTHON, PYTHON_PATH, CLASS_APPLICATION},
	{"f![vdso]", "", "/srv/server", CLASS_NATIVE_LIBRARY},
	{"!", "", "/srv/server", CLASS_NATIVE_LIBRARY},
	{"jitted!", "", "/srv/server", CLASS_APPLICATION},
	{"jitted!", NODE, NODE_PATH, CLASS_NATIVE_LIBRARY},
};

/* A package that was compiled stays one, and what is bundled is judged by where it came from. */
START_TEST(class_of_a_mapped_frame)
{
	static const struct {
		const char *frame, *generated;
		enum frame_class expected;
	} mapped[] = {
		{"f@/app/src/x.ts:2", "/app/dist/main.js", CLASS_APPLICATION},
		{"f@/app/node_modules/pg/lib/client.ts:2", "/app/dist/main.js", CLASS_DEPENDENCY},
		{"f@src/client.ts:2", "/app/node_modules/pg/dist/client.js", CLASS_DEPENDENCY},
	};

	for (size_t i = 0; i < sizeof(mapped) / sizeof(mapped[0]); i++) {
		const struct function function = {.name = "a", .file = mapped[i].generated};
		const struct generated generated = {.function = &function};
		struct stack *stack = made_stack(recording, mapped[i].frame);

		stack->frames[0].generated = &generated;
		ck_assert_int_eq(frame_class(&stack->frames[0], recording), mapped[i].expected);
	}
}
END_TEST

START_TEST(class_of_frame)
{
	struct recording *made = made_recording(classes[_i].runtime, classes[_i].program);
	struct stack *stack = made_stack(made, classes[_i].frame);

	/* Blanks part frames, so that a path's blank is written as '_'. */
	if (stack->frames[0].mapping) {
		char *blank = strstr((char *)stack->frames[0].mapping->record.path, "_(deleted)");

		if (blank)
			*blank = ' ';
	}
	ck_assert_int_eq(frame_class(&stack->frames[0], made), classes[_i].expected);
	made_free(made);
}
END_TEST

static const struct {
	const char *file;
	enum frame_class expected;
} python_classes[] = {
	{"/srv/app.py", CLASS_APPLICATION},
	{"<string>", CLASS_APPLICATION},
	{"/usr/lib/mailer/server.py", CLASS_APPLICATION},
	{"/usr/lib/python3.11/asyncio/events.py", CLASS_RUNTIME},
	{"/opt/py/lib/python3.13/json/decoder.py", CLASS_RUNTIME},
	{"/usr/lib64/python3.9/ssl.py", CLASS_RUNTIME},
	{"/usr/lib/python311.zip/abc.py", CLASS_RUNTIME},
	{"<frozen importlib._bootstrap>", CLASS_RUNTIME},
	{"/srv/venv/lib/python3.11/site-packages/flask/app.py", CLASS_DEPENDENCY},
	{"/usr/lib/python3/dist-packages/flask/app.py", CLASS_DEPENDENCY},
};

START_TEST(class_of_python_frame)
{
	struct function function = {.name = "f", .file = python_classes[_i].file};
	struct frame frame = {.kind = FRAME_PYTHON, .function = &function};

	ck_assert_int_eq(frame_class(&frame, recording), python_classes[_i].expected);
}
END_TEST

START_TEST(nothing_is_known_of_an_unread_script_frame)
{
	struct stack *stack = made_stack(recording, "f@/app/a.js:2 g@/app/a.js:2");

	stack->frames[0].function = NULL;
	ck_assert_int_eq(frame_class(&stack->frames[0], recording), CLASS_RUNTIME);
	stack->frames[1].kind = FRAME_JS_BUILTIN;
	ck_assert_int_eq(frame_class(&stack->frames[1], recording), CLASS_RUNTIME);
}
END_TEST

START_TEST(names_of_frames)
{
	struct stack *stack = made_stack(
		recording, "f@/app/a.js:2 ()@/app/a.js:9 !/usr/lib/libssl.so.3 g!/usr/bin/node |");

	ck_assert_str_eq(frame_name(&stack->frames[0], recording), "f");
	ck_assert_str_eq(frame_name(&stack->frames[1], recording), "<anonymous>");
	ck_assert_str_eq(frame_name(&stack->frames[2], recording), "libssl.so.3+0x123");
	ck_assert_str_eq(frame_name(&stack->frames[3], recording), "g");
	ck_assert_str_eq(frame_name(&stack->frames[4], recording), "[callers not found]");
}
END_TEST

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
	ck_assert_double_eq_tol(diagnose_first()->stall.shares[CAUSE_ON_CPU], 0.1, 1e-9);
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
	ck_assert_ptr_nonnull(strstr(finding->summary, "for at least 3.0 s and had not let go"));
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
	ck_assert_ptr_nonnull(strstr(finding->summary, "for 3.0 s and had not let go"));
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

START_TEST(startup_is_no_finding)
{
	made_plain(recording, 0, 6000, "compile@/app/s.js:8 " NODE_ROOTS, 50, -1)->record.startup =
		true;
	ck_assert_int_eq(diagnose(&diagnosis, recording), 0);
	ck_assert_uint_eq(diagnosis.finding_count, 0);
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

/* Workers that run the same slow function are one finding; the share is that of the loop which lost
 * most. */
START_TEST(loops_share_a_finding)
{
	struct loop *second = recording_alloc(recording, sizeof(*second));
	const struct finding *finding;

	second->record = (struct record_loop){.id = 2, .tid = 43, .thread = "worker"};
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

START_TEST(what_was_not_observed_is_said)
{
	static const char *const expected[] = {
		"2 samples: the stack could not be read",
		"1 blocks of the recording are missing",
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

Suite *test_suite(void)
{
	Suite *suite = suite_create("analyze");
	TCase *frames = tcase_create("frames");
	TCase *findings = tcase_create("findings");

	tcase_add_checked_fixture(frames, begin_node, finish);
	tcase_add_loop_test(frames, class_of_frame, 0, sizeof(classes) / sizeof(classes[0]));
	tcase_add_test(frames, class_of_a_mapped_frame);
	tcase_add_loop_test(frames, class_of_python_frame, 0,
		sizeof(python_classes) / sizeof(python_classes[0]));
	tcase_add_test(frames, nothing_is_known_of_an_unread_script_frame);
	tcase_add_test(frames, names_of_frames);
	suite_add_tcase(suite, frames);

	tcase_add_checked_fixture(findings, begin_node, finish);
	tcase_add_test(findings, culprit_is_the_deepest_application_function);
	tcase_add_test(findings, recursion_counts_once_and_the_line_is_the_heaviest);
	tcase_add_loop_test(findings, one_name_may_be_several_functions, 0, 2);
	tcase_add_test(findings, different_culprits_are_different_findings);
	tcase_add_test(findings, one_culprit_is_one_finding);
	tcase_add_test(findings, helpers_do_not_part_their_caller);
	tcase_add_test(findings, single_samples_part_nothing);
	tcase_add_test(findings, parting_hides_nothing);
	tcase_add_test(findings, cut_stacks_abstain);
	tcase_add_test(findings, cut_stacks_do_not_hide_a_parting);
	tcase_add_test(findings, few_whole_stacks_do_not_decide);
	tcase_add_test(findings, nothing_in_common_is_parted);
	tcase_add_test(findings, native_culprit_has_a_module);
	tcase_add_test(findings, blocked_names_the_call);
	tcase_add_test(findings, sleep_in_many_calls_names_none);
	tcase_add_loop_test(
		findings, cause_by_where_the_time_went, 0, sizeof(causes) / sizeof(causes[0]));
	tcase_add_loop_test(
		findings, congestion_is_claimed_when_counted, 0, sizeof(turns) / sizeof(turns[0]));
	tcase_add_loop_test(findings, sleep_outside_system_calls_is_a_page_fault, 0, 2);
	tcase_add_loop_test(findings, what_a_sleep_waited_for, 0, 2);
	tcase_add_test(findings, work_on_a_busy_host_is_still_work);
	tcase_add_test(findings, unmeasured_stalls_are_judged_by_their_samples);
	tcase_add_loop_test(findings, severity_by_count_and_lost_time, 0,
		sizeof(severities) / sizeof(severities[0]));
	tcase_add_test(findings, a_starved_host_is_one_step_less_severe);
	tcase_add_test(findings, a_hang_outlives_the_tool_that_watched_it);
	tcase_add_test(findings, a_hang_that_was_seen_to_begin_is_as_long_as_it_is);
	tcase_add_test(findings, absurd_figures_are_borne);
	tcase_add_test(findings, startup_is_no_finding);
	tcase_add_test(findings, stalls_without_a_stack_blame_nobody);
	tcase_add_test(findings, loops_share_a_finding);
	tcase_add_test(findings, loops_are_measured_by_their_histograms);
	tcase_add_test(findings, a_loop_without_a_turn_counts_where_there_is_no_other);
	tcase_add_test(findings, what_was_not_observed_is_said);
	suite_add_tcase(suite, findings);

	/* These make recordings of their own. */
	TCase *several = tcase_create("several recordings");
	tcase_add_test(several, classes_are_tried_in_order);
	tcase_add_test(several, confidence_falls_with_doubt_and_few_samples);
	suite_add_tcase(suite, several);
	return suite;
}
