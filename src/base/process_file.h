/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process_file.h - opens files of another process. It may live in a container, and mean harm: none
 * of its links leads out of its root, and nothing but a regular file is ever opened for reading, so
 * that no pipe blocks and no device is touched (hazard 49). Whether a file is the one that was
 * meant is for the caller to check. Tier A.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* How the file of a mapping is found; the best way first. */
enum process_file_way {
	/* The very file that is mapped, be it deleted or out of sight. Wants CAP_SYS_ADMIN or
	 * CAP_CHECKPOINT_RESTORE. Of another process only. */
	PROCESS_FILE_MAPPED,
	PROCESS_FILE_EXECUTABLE, /* the process's program, deleted or not */
	PROCESS_FILE_NAMED,      /* what its path leads to by now, seen from the process's root */
	PROCESS_FILE_WAYS,
};

/* Opens the file of the mapping from `start` to `end` for reading. Returns a descriptor or a
 * negative errno: -ENOENT also for what is no regular file. */
int process_file_open(
	pid_t pid, enum process_file_way way, uint64_t start, uint64_t end, const char *path);
/* Finds what an absolute path leads to, seen from the process's root. Returns an O_PATH descriptor,
 * or a negative errno. */
int process_file_find(pid_t pid, const char *path);
/* The same below a folder that is open; needs openat2 (Linux 5.6). */
int process_file_below(int root, const char *path);
/* Takes an O_PATH descriptor and closes it. Returns one for reading if that is a regular file, else
 * -ENOENT or another negative errno. */
int process_file_read(int found);

/* Writes the root of another process as the calling one sees it, "" where that is the same. */
void process_file_root(pid_t pid, char *buffer, size_t size);
/* A path of /proc/PID as the process itself sees it: without its root. Points into `path`. */
const char *process_file_own_path(const char *root, const char *path);
