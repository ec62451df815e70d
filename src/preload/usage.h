/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage.h - what an unprivileged process can read about one of its threads: CPU time, time spent
 * runnable without a CPU, page faults, input and output. Two readings and their difference say
 * where the wall time between them went. Tier B.
 */
#pragma once

#include <stdint.h>

struct usage {
	uint64_t taken_ns;    /* clock_now_ns; 0: no reading */
	uint64_t cpu_ns;      /* the thread's CPU clock */
	uint64_t runqueue_ns; /* /proc/self/task/T/schedstat; 0 where the kernel does not keep it */
	uint64_t throttled_ns; /* of the control group; part of it may concern other threads */
	uint64_t minor_faults, major_faults;
	uint64_t io_calls; /* read(2), write(2) and their kin; 0 where it may not be read */
};

void usage_read(uint32_t tid, struct usage *ret);
