/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attached.h - one process that is watched from outside: what it runs, its stacks, its recording.
 *
 * Tier C. Data: /proc/PID and its memory -> struct stacks and writer for watch.c.
 */
#pragma once

#include <limits.h>

#include "attach.h"
#include "cgroup.h"
#include "source.h"
#include "stacks.h"

struct attached {
	uint32_t id; /* as the source knows it; not 0 */
	pid_t pid;
	int pidfd;
	uint32_t own_pid; /* in its own pid namespace */
	bool is_gone;
	/* False of a child that has had no loop yet, which has no recording and neither stacks nor
	 * a writer, and of a process that has begun another program. */
	bool is_settled;
	bool listens, is_new;          /* is_new: watched from its fork on */
	uint64_t since_ns;             /* watched since then */
	uint64_t started_ns;           /* its start-up was over then; 0: it goes on */
	uint64_t ask_ns, ask_after_ns; /* whether it listens: when next, and how long after that */
	struct program program;
	struct cgroup cgroup;
	struct stacks *stacks;
	struct writer *writer;
	uint64_t last_stall_id;
	uint32_t last_loop_id;
	uint64_t last_report_ns; /* of stalls, to the disk */
	bool report_due;
	int write_error; /* the first negative errno of what could not be written; 0 */
	/* private */
	struct arena storage, writing;
	const struct attach_options *options;
	char path[PATH_MAX];
};

/*
 * Opens a process, whose recording will be at `path`. pidfd: of the process, duplicated; negative:
 * it is whichever has that pid now. Returns 0; -ESRCH or another negative errno.
 */
int attached_open(struct attached **ret, uint32_t id, pid_t pid, int pidfd, const char *path,
	const struct attach_options *options);
/*
 * Looks at what the process runs, and begins its recording if there is none: at once for the one
 * that was asked for; for a child, or after another program was started, when it has a loop, since
 * by then a language's runtime is there to be looked at. Returns 0; -ESRCH, -EPERM, -EEXIST or
 * another negative errno, after having complained.
 */
int attached_settle(struct attached *attached);
/* Writes what there is to the disk. A failure is kept in write_error. */
void attached_flush(struct attached *attached);
/* Flushes; `goodbye`: the recording says that all was seen to the end. Accepts null. Returns
 * write_error. */
int attached_close(struct attached *attached, bool goodbye);
/* It runs another program now. */
void attached_executed(struct attached *attached);
/* Asks whether it listens, and whether it serves, which ends its start-up. */
void attached_ask(struct attached *attached);
/* What the source is to know of it, as far as that has been asked. */
struct stall_target attached_target(const struct attached *attached);
/* It has ended, which it does but once: gives back what is of no use any more. */
void attached_end(struct attached *attached);
/* Whether it has an epoll descriptor that none of these loops waits on. */
bool attached_has_idle_epoll(const struct attached *attached, const struct stall_loop *loops);
