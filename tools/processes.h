/* SPDX-License-Identifier: Apache-2.0 */
/*
 * processes.h - the processes of this machine, the loops that they have and what they listen on, at
 * one moment. Bounded: no process makes a look at it expensive, however many descriptors and
 * threads it has; and read only: what makes the kernel hold a lock of the server's for long (an
 * epoll descriptor's fdinfo is one) is not read.
 *
 * Tier C. Data: /proc -> a list. What a process is called and who records it is in identity.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "listeners.h"
#include "threads.h"

struct process {
	pid_t pid, parent;
	uint64_t start; /* procfs.h */
	char name[16];  /* may hold anything */
	bool hidden;    /* it may not be looked at, for want of a right: what follows is empty */
	/*
	 * Threads that wait for events; and the main thread if it does not wait at this moment and
	 * the process has an epoll descriptor that no other thread waits on.
	 */
	struct thread *loops; /* owned */
	size_t loop_count;
	struct listener *listening; /* owned; by port, unix sockets last */
	size_t listening_count;
	uint64_t network; /* identity of its network namespace; 0: not known */
	pid_t recorder;   /* a thread that is called as Holter's is; 0: none */
	bool epolls,
		more; /* it has epoll descriptors; it has more descriptors than were looked at */
};

struct processes {
	struct process *entries; /* owned; ascending by pid */
	size_t count;
	size_t hidden; /* how many of them may not be looked at */
};

/* How many descriptors of a process are looked at. Servers listen before they are connected to. */
enum processes_effort {
	PROCESSES_QUICK = 4096,
	PROCESSES_THOROUGH = 1 << 20,
};

/*
 * Lists all processes, but for threads of the kernel, ended ones and the calling process. Returns 0
 * or a negative errno; processes_done in either case.
 */
int processes_load(struct processes *ret, enum processes_effort effort);
void processes_done(struct processes *processes);
/* Null if there is none; borrowed until done. */
const struct process *processes_find(const struct processes *processes, pid_t pid);

/* One process. Returns 0, -ESRCH or another negative errno; process_done in either case. */
int process_look(pid_t pid, enum processes_effort effort, struct process *ret);
void process_done(struct process *process);
/*
 * Whether it serves by an event loop, as far as one look can tell: it has one, and uses epoll or
 * listens. Shells and the like wait by poll or select, too.
 */
bool process_serves(const struct process *process);
bool process_listens(const struct process *process, uint16_t port);
/*
 * Whether a process has a TCP connection that came in, be it accepted by itself or handed to it.
 * Among very many connections of its network it may be overlooked.
 */
bool process_is_served(pid_t pid);
/* Writes which capabilities it would take to look at hidden ones. Returns the buffer. */
const char *processes_want(char *buffer, size_t size);
