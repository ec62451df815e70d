/* SPDX-License-Identifier: Apache-2.0 */
/* threads.c - see threads.h. Tier C. */
#include "threads.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "procfs.h"
#include "symbol.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct looking {
	struct thread *threads;
	size_t count, capacity;
	pid_t pid;
};

static enum thread_wait wait_of_call(int call)
{
	switch (call) {
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
	case SYS_epoll_pwait2:
		return THREAD_WAITS_EPOLL;
	case SYS_poll:
	case SYS_ppoll:
		return THREAD_WAITS_POLL;
	case SYS_select:
	case SYS_pselect6:
		return THREAD_WAITS_SELECT;
	default:
		return THREAD_WAITS_NOT;
	}
}

void thread_parse_call(const char *text, struct thread *ret)
{
	char *end;
	long call = strtol(text, &end, 10);

	/* "running"; "-1 SP PC" of a thread that waits, but in no call; "232 0x5 …". */
	ret->call = end == text || call < 0 ? THREAD_CALL_NONE : (int)call;
	ret->wait = wait_of_call(ret->call);
	if (ret->wait == THREAD_WAITS_EPOLL)
		ret->descriptor = (int)strtol(end, NULL, 16);
}

void thread_parse_channel(const char *text, struct thread *ret)
{
	/* fs/eventpoll.c, fs/select.c. poll and select sleep in the same function. */
	static const struct {
		const char *function;
		enum thread_wait wait;
	} channels[] = {
		{"ep_poll", THREAD_WAITS_EPOLL},
		{"do_epoll_wait", THREAD_WAITS_EPOLL},
		{"do_sys_poll", THREAD_WAITS_POLL},
		{"do_poll", THREAD_WAITS_POLL},
		{"do_select", THREAD_WAITS_SELECT},
		{"poll_schedule_timeout", THREAD_WAITS_POLL},
	};
	size_t length = strcspn(text, ".\n"); /* the compiler may have added ".constprop.0" */

	for (size_t i = 0; i < COUNT(channels); i++) {
		if (strlen(channels[i].function) == length &&
			strncmp(text, channels[i].function, length) == 0)
			ret->wait = channels[i].wait;
	}
}

static int look_at_thread(void *context, int tid)
{
	struct looking *looking = context;
	struct thread *thread = looking->threads + looking->count;
	char name[32], text[1024];
	struct procfs_stat stat;

	if (looking->count == looking->capacity)
		return 1;
	snprintf(name, sizeof(name), "task/%d/stat", tid);
	if (procfs_read(looking->pid, name, text, sizeof(text)) < 0 ||
		procfs_stat_parse(text, &stat) < 0)
		return 0; /* it has ended */
	*thread = (struct thread){
		.tid = tid, .state = stat.state, .descriptor = -1, .call = THREAD_CALL_UNKNOWN};
	snprintf(thread->name, sizeof(thread->name), "%.15s", stat.name);
	snprintf(name, sizeof(name), "task/%d/syscall", tid);
	if (procfs_read(looking->pid, name, text, sizeof(text)) > 0) {
		thread_parse_call(text, thread);
	} else {
		snprintf(name, sizeof(name), "task/%d/wchan", tid);
		if (procfs_read(looking->pid, name, text, sizeof(text)) > 0)
			thread_parse_channel(text, thread);
	}
	looking->count++;
	return 0;
}

int threads_look(pid_t pid, struct thread *ret, size_t capacity)
{
	struct looking looking = {.threads = ret, .capacity = capacity, .pid = pid};
	char folder[32];
	int result;

	snprintf(folder, sizeof(folder), "/proc/%d/task", (int)pid);
	result = procfs_each(folder, look_at_thread, &looking);
	return result < 0 ? result : (int)looking.count;
}

const char *thread_wait_name(enum thread_wait wait)
{
	static const char *const names[] = {
		[THREAD_WAITS_EPOLL] = "epoll",
		[THREAD_WAITS_POLL] = "poll",
		[THREAD_WAITS_SELECT] = "select",
	};

	return names[wait];
}

void thread_describe(const struct thread *thread, char *ret, size_t size)
{
	const char *call = symbol_syscall(thread->call);

	if (thread->wait && call && thread->descriptor >= 0)
		snprintf(ret, size, "waits in %s (descriptor %d)", call, thread->descriptor);
	else if (thread->wait)
		snprintf(ret, size, "waits in %s", call ? call : thread_wait_name(thread->wait));
	else if (thread->state == 'R' || thread->call == THREAD_CALL_NONE)
		snprintf(ret, size, "runs");
	else if (call)
		snprintf(ret, size, "sleeps in %s", call);
	else
		snprintf(ret, size, "sleeps");
}
