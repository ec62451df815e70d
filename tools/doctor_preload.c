/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_preload.c - whether a process is recorded from inside, could be, and what its recording
 * lacks: privilege, filters, signals, other tools in it.
 *
 * Tier C.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

#include "doctor.h"
#include "recorder.h"
#include "subject.h"

static void look_at_preload(const struct subject *subject, struct doctor_answer *ret)
{
	static const char *const words[] = {"/libholter.so", NULL};
	const char *library = subject_library(subject, words);
	const struct thread *holter = subject_holter(subject);
	char recording[300];

	if (subject->maps_error) {
		doctor_denied(ret, "what is mapped in it");
	} else if (!library) {
		doctor_limit(ret, DOCTOR_NO, LIMIT_NOT_PRELOADED,
			"libholter.so is not in it: it is not being recorded");
	} else if (!holter) {
		doctor_ok(ret,
			"%.200s is in it, and records nothing: no loop so far, or it stands aside",
			library);
	} else {
		if (recorder_file(subject->pid, holter->tid, recording, sizeof(recording)) < 0)
			snprintf(recording, sizeof(recording), "a file that may not be seen");
		doctor_ok(ret, "%.200s records to %s", library, recording);
	}
}

static void look_at_privilege(const struct subject *subject, struct doctor_answer *ret)
{
	uint64_t secure = 0, started_as = 0, uid = subject_number(subject, "Uid:", 10);
	int result = subject_auxiliary(subject, AT_SECURE, &secure);

	if (result == 0)
		result = subject_auxiliary(subject, AT_EUID, &started_as);
	if (result < 0 && result != -ENOENT)
		doctor_denied(ret, "whether it gained privilege when it started");
	else if (secure)
		doctor_limit(ret, DOCTOR_NO, LIMIT_PRIVILEGED,
			"it gained privilege when it started: the loader ignored LD_PRELOAD");
	else if (started_as == 0 && uid != 0)
		doctor_limit(ret, DOCTOR_LIMITED, LIMIT_DROPPED_ROOT,
			"it was root when it started, and is user %llu now",
			(unsigned long long)uid);
	else
		doctor_ok(ret, "none gained at its start, and none dropped%s",
			subject_number(subject, "NoNewPrivs:", 10)
				? "; it can gain none (no_new_privs)"
				: "");
}

static void look_at_filter(const struct subject *subject, struct doctor_answer *ret)
{
	switch (subject_number(subject, "Seccomp:", 10)) {
	case 0:
		doctor_ok(ret, "no filter");
		break;
	case 1:
		doctor_limit(
			ret, DOCTOR_NO, LIMIT_FILTER, "strict mode: it may only read and write");
		break;
	default:
		doctor_limit(ret, DOCTOR_LIMITED, LIMIT_FILTER,
			"a filter is in force: what it refuses, its recording will note");
		break;
	}
}

/* A thread that waits for events and has this signal blocked, or null. */
static const struct thread *find_blocked(const struct subject *subject, int number)
{
	for (size_t i = 0; i < subject->thread_count; i++) {
		const struct thread *thread = subject->threads + i;

		if (thread->wait != THREAD_WAITS_NOT &&
			subject_has_signal(subject_blocked(subject, thread), number))
			return thread;
	}
	return NULL;
}

/* Where Holter records, it has taken one of the two, and has unblocked it in each loop once. */
static void look_at_own_signal(
	const struct subject *subject, uint64_t caught, struct doctor_answer *ret)
{
	static const int candidates[] = {SIGURG, SIGWINCH};

	for (size_t i = 0; i < sizeof(candidates) / sizeof(*candidates); i++) {
		const struct thread *blocked = NULL;

		if (subject_has_signal(caught, candidates[i]))
			blocked = find_blocked(subject, candidates[i]);
		if (blocked) {
			doctor_limit(ret, DOCTOR_LIMITED, LIMIT_SIGNAL_BLOCKED,
				"the thread %s (%d) has SIG%s blocked", blocked->name,
				(int)blocked->tid, sigabbrev_np(candidates[i]));
			return;
		}
	}
	doctor_ok(ret, "Holter's own is in place");
}

static void look_at_signals(const struct subject *subject, struct doctor_answer *ret)
{
	uint64_t caught = subject_number(subject, "SigCgt:", 16);

	if (subject_holter(subject))
		look_at_own_signal(subject, caught, ret);
	else if (subject_has_signal(caught, SIGURG) && subject_has_signal(caught, SIGWINCH))
		doctor_limit(ret, DOCTOR_LIMITED, LIMIT_SIGNALS_TAKEN,
			"it handles both SIGURG and SIGWINCH itself");
	else
		doctor_ok(ret, "%s is free%s",
			subject_has_signal(caught, SIGURG) ? "SIGWINCH" : "SIGURG",
			subject_has_signal(caught, SIGPROF)
				? "; it handles SIGPROF: a profiler of its own may be at work"
				: "");
}

static void look_at_other_tools(const struct subject *subject, struct doctor_answer *ret)
{
	static const char *const words[] = {"/libasan.so", "/liblsan.so", "/libtsan.so",
		"/libprofiler.so", "/libheaptrack_", "/libmcount", "/libasyncProfiler",
		"/libdd_profiling", "/_memray", "/libbytehound", "/vgpreload_", NULL};
	const char *library = subject_library(subject, words);

	if (subject->maps_error)
		doctor_denied(ret, "what is mapped in it");
	else if (library)
		doctor_limit(ret, DOCTOR_LIMITED, LIMIT_OTHER_TOOLS, "%.300s is in it", library);
	else
		doctor_ok(ret, "none that is known");
}

const struct doctor_check doctor_preload[] = {
	{"preloaded", MODE_PRELOADING, look_at_preload},
	{"privilege", MODE_PRELOADING, look_at_privilege},
	{"seccomp", MODE_PRELOADING, look_at_filter},
	{"signals", MODE_PRELOADING, look_at_signals},
	{"other tools", MODE_PRELOADING, look_at_other_tools},
	{NULL, 0, NULL},
};
