/* SPDX-License-Identifier: Apache-2.0 */
/*
 * threads.h - what the threads of a process are doing at this moment, and which of them wait for
 * events. The threads are not stopped and do not notice.
 *
 * Tier C. Data: /proc/PID/task -> one look at each thread. What a thread did a moment ago is not
 * here: a look says "waits", not "is an event loop".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum thread_wait {
	THREAD_WAITS_NOT, /* it runs, or sleeps in another call, or that may not be seen */
	THREAD_WAITS_EPOLL,
	THREAD_WAITS_POLL,
	THREAD_WAITS_SELECT,
};

enum {
	THREAD_CALL_NONE = -1,    /* it is in no system call: it runs, or was interrupted */
	THREAD_CALL_UNKNOWN = -2, /* for want of a right */
};

struct thread {
	pid_t tid;
	char name[16]; /* may hold anything */
	char state;    /* 'R', 'S', 'D', … (proc(5)) */
	enum thread_wait wait;
	int descriptor; /* that an epoll wait is about; -1 if there is none or it may not be seen */
	int call;       /* the system call's number, or one of the above */
};

/*
 * Looks at up to `capacity` threads, the main one first. Returns how many it saw, or a negative
 * errno. Needs the right to trace the process for the calls; with the right to read alone, the
 * kernel function that a thread sleeps in must do (where the kernel tells).
 */
int threads_look(pid_t pid, struct thread *ret, size_t capacity);
/* "epoll", "poll", "select", or null. */
const char *thread_wait_name(enum thread_wait wait);
/* "waits in epoll_wait (descriptor 14)", "runs", "sleeps in read", "sleeps". */
void thread_describe(const struct thread *thread, char *ret, size_t size);

/* For tests: the same from the text of a thread's files `syscall` and `wchan`. */
void thread_parse_call(const char *text, struct thread *ret);
void thread_parse_channel(const char *text, struct thread *ret);
