/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attached.h - one process that is watched from outside: what it runs, its stacks, its recording.
 *
 * Tier C. Data: /proc/PID and its memory -> struct stacks and writer for watch.c.
 */
#pragma once

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
	uint64_t since_ns; /* watched since then */
	struct program program;
	struct cgroup cgroup;
	struct stacks *stacks;
	struct writer *writer;
	uint64_t last_stall_id;
	uint32_t last_loop_id;
	uint64_t last_report_ns; /* of stalls, to the disk */
	bool report_due;
	/* private */
	struct arena storage, writing;
	uint64_t recording_id;
	const struct attach_options *options;
};

/*
 * Opens a process and its recording at `path`, which must not exist. Returns 0; -ESRCH, -EPERM,
 * -EEXIST or another negative errno, after having complained.
 */
int attached_open(struct attached **ret, uint32_t id, pid_t pid, const char *path,
	const struct attach_options *options);
/* Flushes; `goodbye`: the recording says that all was seen to the end. Accepts null. */
void attached_close(struct attached *attached, bool goodbye);
/* It runs another program now: looks at it anew. */
void attached_executed(struct attached *attached);
/* What the source is to know of it. */
struct stall_target attached_target(const struct attached *attached);
/* Whether it has an epoll descriptor that none of these loops waits on. */
bool attached_has_idle_epoll(const struct attached *attached, const struct stall_loop *loops);
