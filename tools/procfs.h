/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procfs.h - bounded reading of what /proc says about a process. Nothing is opened for writing, and
 * a process that ends meanwhile is an errno like any other.
 *
 * Tier C. Data: /proc/PID -> text and numbers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Reads /proc/PID/NAME ("status", "task/12/syscall"), as much as fits with a NUL behind it. Returns
 * the length, or a negative errno.
 */
ssize_t procfs_read(pid_t pid, const char *name, char *buffer, size_t size);
/* Where the link /proc/PID/NAME leads. Returns the length, cut to size - 1, or a negative errno. */
ssize_t procfs_link(pid_t pid, const char *name, char *buffer, size_t size);

struct procfs_stat {
	char name[64]; /* up to 15 bytes, longer for threads of the kernel; may hold anything */
	char state;    /* 'R', 'S', 'D', 'Z', … (proc(5)) */
	bool kernel;   /* a thread of the kernel */
	pid_t parent;
	uint64_t
		start; /* clock ticks since boot: with the pid it tells a process from later ones */
};

/* Returns 0 or a negative errno. `pid` may be a thread's id: /proc answers to those as well. */
int procfs_stat(pid_t pid, struct procfs_stat *ret);
/* The same from the text of a stat file. Returns 0 or -EINVAL. */
int procfs_stat_parse(const char *text, struct procfs_stat *ret);
/* In the text of a status file: what follows `field` ("Tgid:") and blanks; null if it is not there.
 */
const char *procfs_field(const char *status, const char *field);
/* The identity of a namespace ("net", "pid", …), or 0 if it may not be seen. */
uint64_t procfs_namespace(pid_t pid, const char *kind);

/*
 * Calls `visit` with each number that is a name in a folder ("/proc", "/proc/12/fd"), ascending as
 * the kernel lists them, until it returns something other than 0. Returns that, 0 at the end, or
 * a negative errno if the folder cannot be opened.
 */
int procfs_each(const char *folder, int (*visit)(void *context, int number), void *context);
