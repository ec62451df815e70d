/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc_path.h - paths below /proc. The own process is "/proc/self": its number may be another one
 * where /proc belongs to another pid namespace. Tier A.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Of most files: those of descriptors need no more either. */
enum { PROC_PATH_BYTES = 64 };

/* Writes "/proc/PID" and `rest` ("/exe"). What does not fit is cut. */
void proc_path(char *buffer, size_t size, pid_t pid, const char *rest);
/* Writes "/proc/PID/task/TID" and `rest`. */
void proc_path_task(char *buffer, size_t size, pid_t pid, uint32_t tid, const char *rest);
