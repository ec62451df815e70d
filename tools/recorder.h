/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recorder.h - which file Holter's thread in a process writes to. The thread has a table of
 * descriptors of its own, so that /proc/PID/fd does not show it.
 *
 * Tier C. Data: /proc/PID/task/TID/fd -> a path.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/*
 * The path of the recording that the thread `tid` of a process has open, as that process sees it.
 * Returns its length, -ENOENT if there is none, or another negative errno.
 */
ssize_t recorder_file(pid_t pid, pid_t tid, char *ret, size_t size);
