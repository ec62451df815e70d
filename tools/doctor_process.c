/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_process.c - what a process is and lives in, whichever way it is observed: its loops, who
 * else looks at it, its container, its quota, and whether it may be read from outside. Not here:
 * its files (doctor_program.c), being preloaded (doctor_preload.c).
 *
 * Tier C.
 */
#include <errno.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cgroup.h"
#include "claim.h"
#include "container.h"
#include "doctor.h"
#include "procfs.h"
#include "subject.h"

static void look_at_process(const struct subject *subject, struct doctor_answer *ret)
{
	char name[64] = "?", state[32] = "?";
	uid_t uid = (uid_t)subject_number(subject, "Uid:", 10);
	const struct passwd *entry = getpwuid(uid);

	subject_status(subject, "Name:", name, sizeof(name));
	subject_status(subject, "State:", state, sizeof(state));
	doctor_ok(ret, "%s, user %s (%u), state %s, %zu thread%s", name,
		entry ? entry->pw_name : "without a name", (unsigned)uid, state,
		subject->thread_count, subject->thread_count == 1 ? "" : "s");
}

/* "node by epoll, uv-loop by poll": as many as fit. Returns how many there are. */
static size_t name_waits(const struct subject *subject, char *ret, size_t size)
{
	size_t count = 0, used = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < subject->thread_count; i++) {
		const struct thread *thread = subject->threads + i;

		if (thread->wait == THREAD_WAITS_NOT)
			continue;
		if (used < size)
			used += (size_t)snprintf(ret + used, size - used, "%s%s by %s",
				count ? ", " : "", thread->name, thread_wait_name(thread->wait));
		count++;
	}
	return count;
}

static size_t count_calls(const struct subject *subject, int call)
{
	size_t count = 0;

	for (size_t i = 0; i < subject->thread_count; i++)
		count += subject->threads[i].call == call;
	return count;
}

static void look_at_loops(const struct subject *subject, struct doctor_answer *ret)
{
	char waits[200];
	size_t count = name_waits(subject, waits, sizeof(waits));

	if (count)
		doctor_ok(ret, "%zu thread%s for events (%s); %u epoll descriptor%s", count,
			count == 1 ? " waits" : "s wait", waits, subject->epolls,
			subject->epolls == 1 ? "" : "s");
	else if (subject->epolls)
		doctor_ok(ret, "%u epoll descriptor%s; no thread waits at this moment",
			subject->epolls, subject->epolls == 1 ? "" : "s");
	else if (count_calls(subject, THREAD_CALL_UNKNOWN) || subject->descriptors_error)
		doctor_denied(ret, "what it waits for");
	else
		doctor_limit(ret, DOCTOR_LIMITED, LIMIT_NO_LOOP,
			"no thread waits for events at this moment, and there is no epoll "
			"descriptor");
}

static void look_at_rings(const struct subject *subject, struct doctor_answer *ret)
{
	static const char *const words[] = {"/liburing.so", NULL};
	size_t waits = count_calls(subject, SYS_io_uring_enter);

	if (subject->descriptors_error)
		doctor_denied(ret, "its descriptors");
	else if (subject->rings)
		doctor_limit(ret, DOCTOR_LIMITED, LIMIT_IO_URING, "%u ring%s%s", subject->rings,
			subject->rings == 1 ? "" : "s",
			waits ? "; a thread waits in one" : "; no thread waits in one");
	else
		doctor_ok(ret, "no ring%s",
			subject_library(subject, words) ? "; liburing is in it" : "");
}

static void look_at_tracer(const struct subject *subject, struct doctor_answer *ret)
{
	pid_t tracer = (pid_t)subject_number(subject, "TracerPid:", 10);
	struct procfs_stat stat;

	if (!tracer)
		doctor_ok(ret, "none");
	else
		doctor_limit(ret, DOCTOR_LIMITED, LIMIT_DEBUGGER, "%s (%d) traces it",
			procfs_stat(tracer, &stat) == 0 ? stat.name : "a process", (int)tracer);
}

static void look_at_claims(const struct subject *subject, struct doctor_answer *ret)
{
	pid_t tool = claim_other(subject->pid);

	if (tool > 0)
		doctor_trouble(ret, DOCTOR_LIMITED, "wait for it, or end it: both would cost twice",
			"holter attach (%d) is at work on it", (int)tool);
	else
		doctor_ok(ret, "nobody is attached");
}

static void look_at_container(const struct subject *subject, struct doctor_answer *ret)
{
	uint64_t user = procfs_namespace(subject->pid, "user");
	struct container container;
	char name[128], namespaces[64];

	container_look(subject->pid, &container);
	if (container.unsure || !user) {
		doctor_denied(ret, "its namespaces");
		return;
	}
	container_describe(&container, name, sizeof(name));
	snprintf(namespaces, sizeof(namespaces), "%s%s%s%s",
		container.foreign & CONTAINER_PID ? " pid" : "",
		container.foreign & CONTAINER_MOUNT ? " mount" : "",
		container.foreign & CONTAINER_NETWORK ? " network" : "",
		user != procfs_namespace(getpid(), "user") ? " user" : "");
	if (!namespaces[0])
		doctor_ok(ret, "none but ours");
	else if (container.foreign & CONTAINER_MOUNT)
		doctor_limit(ret, DOCTOR_LIMITED, LIMIT_OTHER_FILES,
			"%s: other namespaces (%s), so that its files may be others than here",
			name[0] ? name : "no container", namespaces + 1);
	else
		doctor_ok(ret, "%s: other namespaces (%s)", name[0] ? name : "no container",
			namespaces + 1);
}

/*
 * The quota of a control group, microseconds in each period; 0: none. `stat_path` is its cpu.stat.
 */
static uint64_t read_quota(const char *stat_path, uint64_t *ret_period)
{
	int folder = (int)(strrchr(stat_path, '/') - stat_path);
	char path[4200], text[64], *end;
	uint64_t quota;

	snprintf(path, sizeof(path), "%.*s/cpu.max", folder, stat_path);
	if (doctor_read(path, NULL, text, sizeof(text))) { /* "max 100000", "50000 100000" */
		quota = strtoull(text, &end, 10);
		*ret_period = strtoull(end, NULL, 10);
		return end == text ? 0 : quota;
	}
	snprintf(path, sizeof(path), "%.*s/cpu.cfs_period_us", folder, stat_path);
	if (!doctor_read(path, NULL, text, sizeof(text)))
		return 0;
	*ret_period = strtoull(text, NULL, 10);
	snprintf(path, sizeof(path), "%.*s/cpu.cfs_quota_us", folder, stat_path);
	if (!doctor_read(path, NULL, text, sizeof(text)) || text[0] == '-')
		return 0;
	return strtoull(text, NULL, 10);
}

static void look_at_quota(const struct subject *subject, struct doctor_answer *ret)
{
	static struct cgroup cgroup; /* holds a path: large for a stack */
	uint64_t quota, period = 0;

	cgroup_open(&cgroup, subject->pid);
	if (!cgroup.stat_path[0]) {
		/* The first group of all has no such counters, as it has no quota. */
		if (access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0)
			doctor_ok(ret, "none: it is in the first group");
		else
			doctor_limit(ret, DOCTOR_LIMITED, LIMIT_THROTTLING,
				"its group's counters are not to be found");
		return;
	}
	quota = read_quota(cgroup.stat_path, &period);
	if (quota && period)
		doctor_ok(ret, "%.2f CPUs; %.300s says when it was throttled",
			(double)quota / (double)period, cgroup.stat_path);
	else
		doctor_ok(ret, "none of its own group; %.300s says so", cgroup.stat_path);
}

static bool is_dumpable(const struct subject *subject)
{
	struct stat status;
	char path[64];

	/* Its files belong to root unless it is dumpable; the folder does not tell (proc(5)). */
	snprintf(path, sizeof(path), "/proc/%d/status", (int)subject->pid);
	return stat(path, &status) < 0 || status.st_uid != 0 ||
	       subject_number(subject, "Uid:", 10) == 0;
}

static void look_at_memory(const struct subject *subject, struct doctor_answer *ret)
{
	int result = subject_read_memory(subject);

	if (result == 0) {
		doctor_ok(ret, "can be read");
		return;
	}
	doctor_limit(ret, DOCTOR_LIMITED, LIMIT_NO_ACCESS,
		"cannot be read: %s%s; functions of language runtimes have no names",
		strerror(-result), is_dumpable(subject) ? "" : " (it is not dumpable)");
	ret->denied = true;
}

static void look_at_calls(const struct subject *subject, struct doctor_answer *ret)
{
	if (!count_calls(subject, THREAD_CALL_UNKNOWN)) {
		doctor_ok(ret, "can be read");
		return;
	}
	doctor_limit(ret, DOCTOR_NO, LIMIT_NO_ACCESS, "cannot be read: neither waits nor stacks");
	ret->denied = true;
}

const struct doctor_check doctor_process[] = {
	{"process", MODES_ALL, look_at_process},
	{"event loop", MODES_ALL, look_at_loops},
	{"io_uring", MODES_ALL, look_at_rings},
	{"tracer", MODES_ALL, look_at_tracer},
	{"container", MODES_ALL, look_at_container},
	{"cpu quota", MODES_ALL, look_at_quota},
	{"attached", MODES_ATTACHING, look_at_claims},
	{"its memory", MODES_ATTACHING, look_at_memory},
	{"its system calls", MODE_POLLING, look_at_calls},
	{NULL, 0, NULL},
};
