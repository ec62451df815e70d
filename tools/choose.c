/* SPDX-License-Identifier: Apache-2.0 */
/* choose.c - see choose.h. Tier C. */
#include "choose.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "container.h"
#include "process_identity.h"
#include "processes.h"
#include "procfs.h"

enum {
	STATUS_MAX = 4096,
	LISTED_MAX = 8, /* candidates that a complaint lists */
};

/* Processes that the choice may mean. */
struct candidates {
	const struct process **entries; /* borrowed from the list; the array is owned */
	size_t count;
	pid_t forwarder; /* a container runtime's proxy that was passed over; 0 */
};

__attribute__((format(printf, 3, 4))) static enum exit_status fail(
	struct chosen *ret, enum exit_status status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(ret->why, sizeof(ret->why), format, arguments);
	va_end(arguments);
	return status;
}

static enum exit_status fail_by_errno(struct chosen *ret, int error)
{
	return fail(ret, STATUS_FAILED, "/proc cannot be read: %s", strerror(-error));
}

/* Returns whether `text` is a number from 1 to `most` and nothing else. */
static bool parse_number(const char *text, long most, long *ret)
{
	char *end;

	errno = 0;
	*ret = strtol(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && !*end && !errno && *ret > 0 && *ret <= most;
}

static enum exit_status take(const struct process *process, struct chosen *ret)
{
	char wanted[64];

	if (process->hidden)
		return fail(ret, STATUS_PERMISSION,
			"process %d (%s) may not be inspected: run as root, or with %s",
			(int)process->pid, process->name, processes_want(wanted, sizeof(wanted)));
	ret->pid = process->pid;
	ret->start = process->start;
	return STATUS_OK;
}

/* By pid */

struct inside {
	pid_t pid, found;
	struct container container;
	size_t count;
};

static int look_inside(void *context, int pid)
{
	struct inside *inside = context;
	struct container container;

	container_look(pid, &container);
	if (container.pid == inside->pid) {
		inside->found = pid;
		inside->container = container;
		inside->count++;
	}
	return 0;
}

/* There is no such process where we are; perhaps the pid was read inside a container. */
static enum exit_status explain_absent(pid_t pid, struct chosen *ret)
{
	struct inside inside = {.pid = pid};
	char container[128];

	if (kill(pid, 0) == 0 || errno == EPERM)
		return fail(ret, STATUS_PERMISSION,
			"/proc does not show process %d (it is mounted with hidepid): run as root",
			(int)pid);
	procfs_each("/proc", look_inside, &inside);
	if (!inside.count)
		return fail(ret, STATUS_GONE,
			"there is no process %d: it has ended, or lives where we cannot see it",
			(int)pid);
	if (inside.count > 1)
		return fail(ret, STATUS_GONE,
			"there is no process %d here, but in %zu containers: 'holter ps' lists "
			"them with their pids here",
			(int)pid, inside.count);
	container_describe(&inside.container, container, sizeof(container));
	return fail(ret, STATUS_GONE,
		"there is no process %d here; the one that container %s calls so is -p %d",
		(int)pid, container, (int)inside.found);
}

static enum exit_status choose_by_pid(const char *text, struct chosen *ret)
{
	struct process process;
	struct procfs_stat stat;
	char status[STATUS_MAX];
	const char *group;
	enum exit_status answer;
	long pid;
	int result;

	if (!parse_number(text, INT_MAX, &pid))
		return fail(ret, STATUS_USAGE, "'%s' is not a process id", text);
	if (pid == getpid())
		return fail(ret, STATUS_USAGE, "%ld is this very process", pid);
	if (procfs_stat((pid_t)pid, &stat) < 0 ||
		procfs_read((pid_t)pid, "status", status, sizeof(status)) < 0)
		return explain_absent((pid_t)pid, ret);
	group = procfs_field(status, "Tgid:");
	if (group && strtol(group, NULL, 10) != pid)
		return fail(ret, STATUS_USAGE, "%ld is a thread of process %ld: use -p %ld", pid,
			strtol(group, NULL, 10), strtol(group, NULL, 10));
	if (stat.kernel)
		return fail(ret, STATUS_USAGE, "%ld is a thread of the kernel", pid);
	if (stat.state == 'Z' || stat.state == 'X')
		return fail(ret, STATUS_GONE,
			"process %ld (%s) has ended: it is a zombie that its parent %d has not "
			"waited for",
			pid, stat.name, (int)stat.parent);
	result = process_look((pid_t)pid, PROCESSES_QUICK, &process);
	if (result == -ESRCH)
		answer = fail(ret, STATUS_GONE, "process %ld has ended", pid);
	else
		answer = result < 0 ? fail_by_errno(ret, result) : take(&process, ret);
	process_done(&process);
	return answer;
}

/* Of several candidates */

/* The candidate that all others descend from, or null. */
static const struct process *common_parent(
	const struct processes *processes, const struct candidates *candidates)
{
	const struct process *top = NULL;

	for (size_t i = 0; i < candidates->count; i++) {
		const struct process *at = candidates->entries[i], *highest = at;

		/* A process that ended may have left children with a parent that is not here. */
		for (size_t steps = 0; at && steps < processes->count; steps++) {
			for (size_t j = 0; j < candidates->count; j++)
				highest = candidates->entries[j] == at ? at : highest;
			at = processes_find(processes, at->parent);
		}
		if (top && top != highest)
			return NULL;
		top = highest;
	}
	return top;
}

/* "12 (node shop.js), 15 (node shop.js in docker:0123456789ab) and 3 more" */
static void list(const struct candidates *candidates, char *ret, size_t size)
{
	struct process_names names;
	struct container container;
	char place[128];
	size_t length = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < candidates->count && i < LISTED_MAX && length < size; i++) {
		const struct process *process = candidates->entries[i];

		process_name(process->pid, &names);
		container_look(process->pid, &container);
		container_describe(&container, place, sizeof(place));
		length += (size_t)snprintf(ret + length, size - length, "%s%d (%s%s%s%s%s)",
			i ? ", " : "", (int)process->pid, process->name, names.script[0] ? " " : "",
			names.script, place[0] ? " in " : "", place);
	}
	if (candidates->count > LISTED_MAX && length < size)
		snprintf(ret + length, size - length, " and %zu more",
			candidates->count - LISTED_MAX);
}

/* `what`: "port 3000", "--name shop". There is at least one candidate. */
static enum exit_status choose_among(const struct processes *processes,
	const struct candidates *candidates, const struct choice *choice, const char *what,
	struct chosen *ret)
{
	const struct process *parent = common_parent(processes, candidates), *serving = NULL;
	char listed[sizeof(ret->why) - 256];
	size_t count = 0;

	if (candidates->count == 1 || (choice->children && parent))
		return take(candidates->count == 1 ? candidates->entries[0] : parent, ret);
	for (size_t i = 0; i < candidates->count; i++) {
		if (process_serves(candidates->entries[i])) {
			serving = candidates->entries[i];
			count++;
		}
	}
	if (count == 1)
		return take(serving, ret);
	list(candidates, listed, sizeof(listed));
	if (parent)
		return fail(ret, STATUS_USAGE,
			"%s matches %zu processes: %s: choose one by -p PID, or all by -p %d "
			"--children",
			what, candidates->count, listed, (int)parent->pid);
	return fail(ret, STATUS_USAGE, "%s matches %zu processes: %s: choose one by -p PID", what,
		candidates->count, listed);
}

static int collect(const struct processes *processes, struct candidates *ret,
	bool (*matches)(const struct process *process, const void *context), const void *context)
{
	*ret = (struct candidates){0};
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): it is an array of pointers */
	ret->entries = calloc(processes->count + 1, sizeof(*ret->entries));
	if (!ret->entries)
		return -ENOMEM;
	for (size_t i = 0; i < processes->count; i++) {
		if (matches(processes->entries + i, context))
			ret->entries[ret->count++] = processes->entries + i;
	}
	return 0;
}

/* By port */

static bool listens_on(const struct process *process, const void *context)
{
	return process_listens(process, *(const uint16_t *)context);
}

static bool is_forwarder(const struct process *process)
{
	/* They listen for a container that another network namespace hides. */
	static const char *const programs[] = {"docker-proxy", "rootlessport"};
	struct process_names names;

	process_name(process->pid, &names);
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		if (strcmp(process_base_name(names.program), programs[i]) == 0)
			return true;
	}
	return false;
}

/* A port is one of our own network, unless nobody else listens on it there. */
static void prefer_own_network(struct candidates *candidates)
{
	uint64_t own = procfs_namespace(getpid(), "net");
	size_t kept = 0, near = 0;

	for (size_t i = 0; i < candidates->count; i++) {
		if (is_forwarder(candidates->entries[i]))
			candidates->forwarder = candidates->entries[i]->pid;
		else
			candidates->entries[kept++] = candidates->entries[i];
	}
	candidates->count = kept;
	for (size_t i = 0; i < candidates->count; i++) {
		if (candidates->entries[i]->network == own)
			candidates->entries[near++] = candidates->entries[i];
	}
	candidates->count = near ? near : kept;
}

/* Nobody that may be looked at listens on the port. */
static enum exit_status explain_silence(const struct processes *processes,
	const struct candidates *candidates, uint16_t port, struct chosen *ret)
{
	struct listeners listeners;
	char wanted[64];
	bool somebody = false;

	if (candidates->forwarder)
		return fail(ret, STATUS_GONE,
			"port %u is handed on to a container by process %d: 'holter ps' lists "
			"containers; choose by -p PID or --name NAME",
			port, (int)candidates->forwarder);
	if (listeners_load(getpid(), &listeners) == 0) {
		for (size_t i = 0; i < listeners.count && !somebody; i++)
			somebody = listeners.entries[i].port == port;
	}
	listeners_done(&listeners);
	if (processes->hidden && somebody)
		return fail(ret, STATUS_PERMISSION,
			"the process that listens on port %u may not be inspected: run as root, or "
			"with %s",
			port, processes_want(wanted, sizeof(wanted)));
	if (somebody)
		return fail(ret, STATUS_GONE,
			"a process of another pid namespace listens on port %u: run holter there "
			"or outside of it",
			port);
	if (processes->hidden)
		return fail(ret, STATUS_GONE,
			"nothing listens on port %u here, and %zu processes may not be inspected: "
			"run as root to see into containers",
			port, processes->hidden);
	return fail(
		ret, STATUS_GONE, "nothing listens on port %u: 'holter ps' lists what does", port);
}

static enum exit_status choose_by_port(
	const struct processes *processes, const struct choice *choice, struct chosen *ret)
{
	struct candidates candidates;
	enum exit_status answer;
	char what[32];
	uint16_t port;
	long number;

	if (!parse_number(choice->port, UINT16_MAX, &number))
		return fail(ret, STATUS_USAGE, "'%s' is not a port", choice->port);
	port = (uint16_t)number;
	if (collect(processes, &candidates, listens_on, &port) < 0)
		return fail_by_errno(ret, -ENOMEM);
	prefer_own_network(&candidates);
	snprintf(what, sizeof(what), "port %u", port);
	answer = candidates.count ? choose_among(processes, &candidates, choice, what, ret)
				  : explain_silence(processes, &candidates, port, ret);
	free(candidates.entries);
	return answer;
}

/* By name */

static bool is_called(const struct process *process, const void *context)
{
	struct process_names names;

	process_name(process->pid, &names);
	return process_is_called(process, &names, context);
}

static enum exit_status choose_by_name(
	const struct processes *processes, const struct choice *choice, struct chosen *ret)
{
	struct candidates candidates;
	enum exit_status answer;
	char what[128];

	if (collect(processes, &candidates, is_called, choice->name) < 0)
		return fail_by_errno(ret, -ENOMEM);
	snprintf(what, sizeof(what), "--name %s", choice->name);
	if (candidates.count)
		answer = choose_among(processes, &candidates, choice, what, ret);
	else if (processes->hidden)
		answer = fail(ret, STATUS_GONE,
			"no process that may be inspected is called %s, and %zu may not: run as "
			"root to see them",
			choice->name, processes->hidden);
	else
		answer = fail(ret, STATUS_GONE,
			"no process is called %s: 'holter ps --all' lists the names", choice->name);
	free(candidates.entries);
	return answer;
}

enum exit_status choose_target(const struct choice *choice, struct chosen *ret)
{
	struct processes processes;
	enum exit_status answer;
	int result;

	*ret = (struct chosen){0};
	if (!choice->pid + !choice->port + !choice->name != 2)
		return fail(ret, STATUS_USAGE,
			"one of -p PID, --port PORT and --name NAME is needed: 'holter ps' lists "
			"what runs");
	if (choice->pid)
		return choose_by_pid(choice->pid, ret);
	result = processes_load(&processes, PROCESSES_THOROUGH);
	if (result < 0)
		answer = fail_by_errno(ret, result);
	else if (choice->port)
		answer = choose_by_port(&processes, choice, ret);
	else
		answer = choose_by_name(&processes, choice, ret);
	processes_done(&processes);
	return answer;
}
