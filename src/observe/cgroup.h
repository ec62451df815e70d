/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup.h - how long the control group of a process has been kept from its CPUs by its quota
 * (cgroup v1 and v2). Tier B.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct cgroup {
	char stat_path[4096]; /* "": none */
};

/* Finds the group's statistics. Where there are none, nothing is ever throttled as far as can be
 * seen. */
void cgroup_open(struct cgroup *ret, pid_t pid);
/* Throttled time since the group began, nanoseconds, summed over CPUs; 0 where it cannot be read.
 */
uint64_t cgroup_throttled_ns(const struct cgroup *cgroup);
