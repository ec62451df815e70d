/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container.h - which container a process runs in, seen from where we are: by its namespaces, and
 * by the names that container runtimes give to control groups. No runtime is asked.
 *
 * Tier C. Data: /proc/PID/cgroup, ns, status -> a name for a person.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

enum container_namespace {
	CONTAINER_PID = 1,
	CONTAINER_MOUNT = 2,
	CONTAINER_NETWORK = 4,
};

struct container {
	bool inside;      /* it runs in a container that we are not in */
	char runtime[16]; /* "docker", "kubernetes", "podman", "lxc", …; "" if unknown */
	char name[80];    /* its name, or its id's first twelve digits; "" if unknown */
	pid_t pid;        /* what the process is called inside; 0 if it is in our pid namespace */
	unsigned foreign; /* enum container_namespace: those that are not ours */
	bool unsure;      /* the namespaces may not be seen, for want of a right */
};

/* Fills in what can be found out; a process that is gone is in no container. */
void container_look(pid_t pid, struct container *ret);
/* "docker:0123456789ab", "unnamed", or "" outside of one. */
void container_describe(const struct container *container, char *ret, size_t size);
/*
 * Finds runtime and name in the text of a cgroup file (either version, cgroups(7)). Of containers
 * within containers it is the innermost. Returns whether there is one; else both are "".
 */
bool container_parse(const char *cgroup, struct container *ret);
