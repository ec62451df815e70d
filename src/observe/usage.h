/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage.h - what an unprivileged process can read about a thread of its own or its user's: CPU
 * time, time spent runnable without a CPU, page faults, input and output. Two readings and their
 * difference say where the wall time between them went. Tier B.
 */
#pragma once

#include <stdbool.h>

#include "cgroup.h"

struct usage {
	uint64_t taken_ns;     /* clock_now_ns; 0: no reading */
	uint64_t cpu_ns;       /* the thread's CPU clock; of another process, as of the last tick */
	uint64_t runqueue_ns;  /* /proc/PID/task/T/schedstat; 0 where the kernel does not keep it */
	uint64_t slices;       /* how often it was given a CPU, by the same file; 0: not known */
	uint64_t throttled_ns; /* of the control group; part of it may concern other threads */
	uint64_t minor_faults, major_faults;
	uint64_t sleeps;   /* how often it gave its CPU up to wait for something; 0: not known */
	bool runnable;     /* it runs or queues for a CPU, later than `sleeps` */
	uint64_t io_calls; /* read(2), write(2) and their kin; 0 where it may not be read */
};

/* cgroup: of the thread's process. */
void usage_read(pid_t pid, uint32_t tid, const struct cgroup *cgroup, struct usage *ret);
/*
 * How long a thread has waited for a CPU that it still waits for: the kernel adds that to
 * runqueue_ns only when the wait is over. `waiting_ns` is the answer of the reading before, 0 at
 * the first. Only what is certain: whoever was runnable at both readings, and has not gone to sleep
 * between them, ran or queued all the while.
 */
uint64_t usage_waiting_ns(const struct usage *before, const struct usage *now, uint64_t waiting_ns);
/* The CPU clock of a thread of the own process, nanoseconds; 0 if the thread has ended. */
uint64_t usage_own_cpu_ns(uint32_t tid);
/* Whether a thread of the own process has ended. */
bool usage_has_ended(uint32_t tid);
