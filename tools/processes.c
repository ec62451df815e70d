/* SPDX-License-Identifier: Apache-2.0 */
/* processes.c - see processes.h. Tier C. */
#include "processes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capability.h"
#include "procfs.h"

enum {
	THREADS_MAX = 1024,
	NETWORKS_MAX = 1024, /* namespaces whose tables are kept */
};

/* The listening sockets of one network namespace, read when first needed. */
struct network {
	uint64_t identity;
	struct listeners listeners;
};

/* What is shared by looks at many processes. */
struct survey {
	struct network *networks; /* owned */
	size_t network_count;
	struct thread *threads; /* THREADS_MAX of them, owned */
	enum processes_effort effort;
	struct processes *processes;
};

/* What the descriptors of one process are. */
struct descriptors {
	pid_t pid;
	size_t seen, limit;
	size_t epolls;
	uint64_t *sockets; /* inodes, owned */
	size_t socket_count;
	int error;
};

static int survey_init(struct survey *survey, enum processes_effort effort)
{
	*survey = (struct survey){.effort = effort};
	survey->threads = calloc(THREADS_MAX, sizeof(*survey->threads));
	survey->networks = calloc(NETWORKS_MAX, sizeof(*survey->networks));
	return survey->threads && survey->networks ? 0 : -ENOMEM;
}

static void survey_done(struct survey *survey)
{
	for (size_t i = 0; i < survey->network_count; i++)
		listeners_done(&survey->networks[i].listeners);
	free(survey->networks);
	free(survey->threads);
}

/* Null if it cannot be read: the process is then shown without what it listens on. */
static const struct listeners *listeners_of(struct survey *survey, const struct process *process)
{
	struct network *network = survey->networks;
	const struct network *end = network + survey->network_count;

	while (network < end && network->identity != process->network)
		network++;
	if (network < end)
		return &network->listeners;
	if (!process->network || survey->network_count == NETWORKS_MAX)
		return NULL;
	if (listeners_load(process->pid, &network->listeners) < 0) {
		listeners_done(&network->listeners); /* the next process there may be luckier */
		return NULL;
	}
	network->identity = process->network;
	survey->network_count++;
	return &network->listeners;
}

static int add_socket(struct descriptors *descriptors, uint64_t inode)
{
	/* Grown when the count is a power of two. */
	if ((descriptors->socket_count & (descriptors->socket_count - 1)) == 0) {
		uint64_t *more = reallocarray(descriptors->sockets,
			descriptors->socket_count ? 2 * descriptors->socket_count : 1,
			sizeof(*more));

		if (!more)
			return -ENOMEM;
		descriptors->sockets = more;
	}
	descriptors->sockets[descriptors->socket_count++] = inode;
	return 0;
}

static int look_at_descriptor(void *context, int number)
{
	struct descriptors *descriptors = context;
	char name[32], target[64];
	uint64_t inode;

	if (descriptors->seen == descriptors->limit)
		return 1;
	descriptors->seen++;
	snprintf(name, sizeof(name), "fd/%d", number);
	if (procfs_link(descriptors->pid, name, target, sizeof(target)) < 0)
		return 0; /* closed meanwhile */
	if (strcmp(target, "anon_inode:[eventpoll]") == 0)
		descriptors->epolls++;
	else if (sscanf(target, "socket:[%" SCNu64 "]", &inode) == 1)
		return add_socket(descriptors, inode);
	return 0;
}

static int by_port(const void *left, const void *right)
{
	const struct listener *a = left, *b = right;

	if (!a->port != !b->port)
		return !a->port - !b->port;
	return a->port != b->port ? a->port - b->port : strcmp(a->address, b->address);
}

static int join_listeners(
	struct survey *survey, const struct descriptors *descriptors, struct process *ret)
{
	const struct listeners *listeners = listeners_of(survey, ret);
	size_t count = 0;

	if (!listeners || !descriptors->socket_count)
		return 0;
	ret->listening = calloc(descriptors->socket_count, sizeof(*ret->listening));
	if (!ret->listening)
		return -ENOMEM;
	for (size_t i = 0; i < descriptors->socket_count; i++) {
		const struct listener *found = listeners_find(listeners, descriptors->sockets[i]);

		if (found)
			ret->listening[count++] = *found;
	}
	qsort(ret->listening, count, sizeof(*ret->listening), by_port);
	ret->listening_count = count;
	return 0;
}

/* How many different epoll descriptors are waited on. */
static size_t count_waited(const struct thread *threads, size_t count)
{
	size_t waited = 0;

	for (size_t i = 0; i < count; i++) {
		bool known = threads[i].wait != THREAD_WAITS_EPOLL;

		for (size_t j = 0; j < i && !known; j++)
			known = threads[j].wait == THREAD_WAITS_EPOLL &&
				threads[j].descriptor == threads[i].descriptor;
		waited += !known;
	}
	return waited;
}

static int find_loops(struct survey *survey, size_t epolls, struct process *ret)
{
	int count = threads_look(ret->pid, survey->threads, THREADS_MAX);
	size_t loops = 0;

	if (count < 0)
		return count;
	for (int i = 0; i < count; i++) {
		struct thread *thread = survey->threads + i;
		bool main_thread = thread->tid == ret->pid;
		bool busy = main_thread && epolls > 0 && !thread->wait;

		if (!main_thread && strcmp(thread->name, "holter") == 0)
			ret->recorder = thread->tid;
		if (busy)
			busy = epolls > count_waited(survey->threads, (size_t)count);
		if (thread->wait || busy)
			survey->threads[loops++] = *thread;
	}
	if (!loops)
		return 0;
	ret->loops = malloc(loops * sizeof(*ret->loops));
	if (!ret->loops)
		return -ENOMEM;
	memcpy(ret->loops, survey->threads, loops * sizeof(*ret->loops));
	ret->loop_count = loops;
	return 0;
}

static int look(struct survey *survey, pid_t pid, struct process *ret)
{
	struct descriptors descriptors = {.pid = pid, .limit = survey->effort};
	struct procfs_stat stat;
	char folder[32];
	int result = procfs_stat(pid, &stat);

	*ret = (struct process){.pid = pid};
	if (result < 0)
		return result;
	if (stat.kernel || stat.state == 'Z' || stat.state == 'X')
		return -ESRCH;
	ret->parent = stat.parent;
	ret->start = stat.start;
	snprintf(ret->name, sizeof(ret->name), "%.15s", stat.name);
	snprintf(folder, sizeof(folder), "/proc/%d/fd", (int)pid);
	result = procfs_each(folder, look_at_descriptor, &descriptors);
	if (result == -EACCES || result == -EPERM) {
		ret->hidden = true;
		result = 0;
	} else if (result >= 0) {
		ret->more = result > 0;
		ret->epolls = descriptors.epolls > 0;
		ret->network = procfs_namespace(pid, "net");
		result = find_loops(survey, descriptors.epolls, ret);
		if (result == 0)
			result = join_listeners(survey, &descriptors, ret);
	}
	free(descriptors.sockets);
	return result;
}

static int look_at_process(void *context, int pid)
{
	struct survey *survey = context;
	struct processes *processes = survey->processes;
	struct process process;
	int result = 0;

	if (pid == getpid())
		return 0;
	result = look(survey, pid, &process);
	if (result < 0) {
		process_done(&process);
		return result == -ENOMEM ? result : 0; /* it ended meanwhile */
	}
	/* Grown when the count is a power of two. */
	if ((processes->count & (processes->count - 1)) == 0) {
		struct process *more = reallocarray(processes->entries,
			processes->count ? 2 * processes->count : 1, sizeof(*more));

		if (!more) {
			process_done(&process);
			return -ENOMEM;
		}
		processes->entries = more;
	}
	processes->hidden += process.hidden;
	processes->entries[processes->count++] = process;
	return 0;
}

int processes_load(struct processes *ret, enum processes_effort effort)
{
	struct survey survey;
	int result = survey_init(&survey, effort);

	*ret = (struct processes){0};
	survey.processes = ret;
	if (result == 0)
		result = procfs_each("/proc", look_at_process, &survey);
	survey_done(&survey);
	return result;
}

void processes_done(struct processes *processes)
{
	for (size_t i = 0; i < processes->count; i++)
		process_done(processes->entries + i);
	free(processes->entries);
	*processes = (struct processes){0};
}

const struct process *processes_find(const struct processes *processes, pid_t pid)
{
	for (size_t i = 0; i < processes->count; i++) {
		if (processes->entries[i].pid == pid)
			return processes->entries + i;
	}
	return NULL;
}

int process_look(pid_t pid, enum processes_effort effort, struct process *ret)
{
	struct survey survey;
	int result = survey_init(&survey, effort);

	*ret = (struct process){.pid = pid};
	if (result == 0)
		result = look(&survey, pid, ret);
	survey_done(&survey);
	return result == -ENOENT ? -ESRCH : result;
}

void process_done(struct process *process)
{
	free(process->loops);
	free(process->listening);
	process->loops = NULL;
	process->listening = NULL;
	process->loop_count = process->listening_count = 0;
}

bool process_serves(const struct process *process)
{
	return process->loop_count > 0 && (process->epolls || process->listening_count > 0);
}

bool process_listens(const struct process *process, uint16_t port)
{
	for (size_t i = 0; i < process->listening_count; i++) {
		if (process->listening[i].port == port)
			return true;
	}
	return false;
}

bool process_is_served(pid_t pid)
{
	struct descriptors descriptors = {.pid = pid, .limit = PROCESSES_THOROUGH};
	struct listeners listeners = {0};
	bool served;
	char folder[32];

	snprintf(folder, sizeof(folder), "/proc/%d/fd", (int)pid);
	served = procfs_each(folder, look_at_descriptor, &descriptors) >= 0 &&
		 descriptors.socket_count && listeners_load(pid, &listeners) == 0 &&
		 listeners_serve(&listeners, pid, descriptors.sockets, descriptors.socket_count);
	listeners_done(&listeners);
	free(descriptors.sockets);
	return served;
}

const char *processes_want(char *buffer, size_t size)
{
	/* Open files and system calls in progress are listed to the process's user alone. */
	static const enum capability wanted[] = {CAPABILITY_SYS_PTRACE, CAPABILITY_DAC_READ_SEARCH};

	/* Who holds both is refused by something else, such as a security module. */
	if (!capability_missing(buffer, size, wanted, sizeof(wanted) / sizeof(wanted[0])))
		snprintf(buffer, size, "fewer restrictions");
	return buffer;
}
