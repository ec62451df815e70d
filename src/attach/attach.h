/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attach.h - watches a running process from outside and writes a recording, as libholter.so would
 * from inside. Nothing is injected into it, and it is never stopped.
 *
 * Tier C. Data: a source (source.h) -> src/observe -> the writer.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum attach_method {
	ATTACH_BEST, /* the first one below that works here */
	ATTACH_EBPF,
	ATTACH_POLL,
};

/* For a progress line. */
struct attach_progress {
	uint64_t elapsed_ns, duration_ns; /* duration 0: no end is set */
	size_t processes, loops;
	uint64_t stalls, samples;
};

struct attach_options {
	pid_t pid;
	int pidfd;            /* of the same process, and of no later one of that pid; borrowed */
	const char *out;      /* path of the recording; of a child's, "OUT.PID" */
	uint64_t duration_ns; /* 0: until the process ends, or stop */
	uint64_t threshold_ns, interval_ns;
	uint64_t max_bytes; /* of a recording; 0: no limit */
	enum attach_method method;
	/*
	 * Loops that wait by poll or select, too: each call of these by any process of the machine
	 * then costs a little, and so does taking the probes away in the end.
	 */
	bool polls;
	bool children; /* those that it has forked or will, and their children, too */
	/* Whether a process listens: only in a server is a thread that polls taken for a loop. */
	bool (*listens)(pid_t pid);
	/* Whether it has a connection that came in, as servers have that others listen for. */
	bool (*serves)(pid_t pid);
	/* Makes way for a recording at a path. Complains and returns false if it cannot. */
	bool (*prepare)(const char *path);
	const volatile sig_atomic_t *stop; /* ends early when it is set */
	/* Called a few times a second; may be null. */
	void (*progress)(void *context, const struct attach_progress *progress);
	/* One line without a newline: what is not observed and why, or what failed. */
	void (*complain)(void *context, const char *text);
	void *context;
};

struct attach_result {
	const char *method; /* "ebpf", "poll"; static */
	bool gone;          /* the process ended while it was watched */
	int write_error;    /* negative errno of what could not be written and was counted; 0 */
};

/*
 * Runs until one of the ends. Returns 0; -ESRCH: there is no such process; -EPERM, -EACCES: a right
 * is missing; -ENOTSUP: this kernel cannot; -EEXIST: the file exists; or another negative errno.
 * complain has said more than the errno does.
 */
int attach_run(const struct attach_options *options, struct attach_result *ret);
