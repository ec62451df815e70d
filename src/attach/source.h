/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source.h - where `holter attach` learns of loops, turns and samples: from the kernel's probes
 * (probes.c), or from /proc alone (poll.c). Both speak in the structures of bpf/stall.h, so that
 * whatever follows does not know which it was.
 *
 * Tier C. Data: a process -> struct stall_loop to look at, records handed to whoever drains.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "stall.h"

struct source;

struct source_settings {
	uint64_t threshold_ns, interval_ns;
	bool polls; /* loops that wait by poll or select as well, not by epoll alone */
	/* Told once for each thing that this kernel or user lacks: what is not observed, and why.
	 */
	void (*complain)(void *context, const char *text);
	void *context;
};

/* A record of bpf/stall.h, which is valid during the call. */
typedef void source_record_function(void *context, const struct stall_record *record);

struct source_ops {
	const char *name; /* "ebpf", "poll" */
	/*
	 * Returns 0; -EPERM or -EACCES: not for this user; -ENOTSUP, -ENOENT, -ENOSYS: not with
	 * this kernel. In both cases complain has said what is missing. Else another negative
	 * errno.
	 */
	int (*open)(struct source **ret, const struct source_settings *settings);
	void (*close)(struct source *source);
	/* Begins to watch a process. Returns 0, -ESRCH, or a negative errno. */
	int (*add)(struct source *source, pid_t pid, int pidfd, const struct stall_target *target);
	/* Changes what was said of a process. */
	int (*update)(struct source *source, int pidfd, const struct stall_target *target);
	/* STALL_LOOPS_MAX of them; borrowed until close. Those that are gone are freed by release.
	 */
	struct stall_loop *(*loops)(struct source *source);
	void (*release)(struct source *source, uint32_t loop);
	/* Waits until there are records, or until a time (CLOCK_MONOTONIC), and hands them over. */
	int (*drain)(struct source *source, uint64_t until_ns, source_record_function *record,
		void *context);
	void (*counts)(struct source *source, struct stall_counts *ret);
};

extern const struct source_ops source_probes, source_poll;
