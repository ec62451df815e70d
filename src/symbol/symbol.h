/* SPDX-License-Identifier: Apache-2.0 */
/*
 * symbol.h - names native frames of a loaded recording: ELF symbols and DWARF lines by elfutils,
 * inlined functions, C++ and Rust demangled, perf maps for foreign JITs, the kernel's call names.
 * The file of a mapping is used only if its build id is the recorded one; else the frame stays
 * `module+0xoffset` and says why. What a recording says of its code itself (Named) goes before what
 * files of this machine say. The network is never asked (no debuginfod).
 *
 * Not here: names of JavaScript and Python frames, which come with the recording (src/lang).
 *
 * Tier C. Data: struct recording (frames without a function) -> the same with functions, files,
 * lines.
 */
#pragma once

#include <sys/types.h>

#include "recording.h"

struct symbol_options {
	/* Null, or a folder to look for the recorded paths in first (--symbols DIR; the root of a
	 * process that is still there). What is in it goes before what the recording says itself.
	 */
	const char *root;
	/* Read /tmp/perf-PID.map of the recorded pid, in the root where that is a process's. */
	bool perf_maps;
	/*
	 * Of a process that is or was at hand; null: it is not. Opens a file of the mapping's path
	 * that is known from it, without asking the path: attempt 0, 1, … until -ENOENT. Returns a
	 * descriptor, to be closed by the caller, or -ENOENT.
	 */
	int (*open)(void *context, const struct record_mapping *mapping, size_t attempt);
	void *context;
	uid_t owner; /* of that process */
};

struct symbol_report {
	size_t frames, named, with_line;
	size_t files_missing, files_changed; /* modules, not frames */
};

/* Names what can be named, in place. Returns 0 or a negative errno for out of memory only. */
int symbol_recording(struct recording *recording, const struct symbol_options *options,
	struct symbol_report *ret_report);
/* The name of an x86-64 system call ("read"), or null. */
const char *symbol_syscall(int number);
