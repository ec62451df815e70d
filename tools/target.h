/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target.h - whether a program can be recorded by preloading: what its ELF header, its file's mode
 * and its loader say. The file is hostile as far as this is concerned: every count and offset is
 * checked.
 *
 * Tier C. Data: a path or descriptor -> an answer, and a line for a person.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum target_kind {
	TARGET_USABLE,
	TARGET_NO_PROGRAM, /* neither ELF nor a script with an interpreter */
	TARGET_FOREIGN,    /* not 64-bit x86-64 */
	TARGET_STATIC,     /* no loader: nothing would load a library */
	TARGET_MUSL,       /* a loader that does not start with a library made for glibc */
};

/* What the ELF file behind a descriptor is. Fills in its loader's path ("" if it has none). */
enum target_kind target_kind(int fd, char *ret_loader, size_t size);
/*
 * Finds a program as execvp(3) would: a name without a slash in PATH. False: there is none that may
 * be run.
 */
bool target_find(const char *name, char *ret_path, size_t size);
/*
 * Whether LD_PRELOAD can work for the program at `path`; scripts are followed to what runs them.
 * Returns 0, or -ENOTSUP with one line in `why`: what it is, and what to do.
 */
int target_check(const char *path, char *why, size_t size);
