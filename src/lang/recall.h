/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recall.h - a memory for readers that come back to the same places, sample after sample: while a
 * stall lasts, its outer frames and their code stay where they are. A system call costs more than
 * all that is read by it, so what is around an address is read with it, and what was needed since
 * the last begin is fetched at once by the next. Nothing in it is older than the last begin.
 * Tier A: the storage is allocated when it is made. One user at a time.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "arena.h"
#include "memory.h"

/* Bytes that are read together. */
enum { RECALL_LINE_BYTES = 1024, RECALL_LINES_MAX = 128 };

struct recall_line {
	uint64_t address; /* of its first byte */
	bool used;        /* since begin */
};

struct recall {
	struct memory memory; /* what to read through */
	struct memory *source;
	struct memory_process own;
	bool is_own;                     /* the process is this one */
	uint64_t stack_start, stack_end; /* read in place */
	uint32_t reads_left;
	size_t count, capacity, last; /* lines; the one needed last */
	struct recall_line *lines;
	uint8_t (*bytes)[RECALL_LINE_BYTES];
};

/*
 * Prepares for so many lines (at most RECALL_LINES_MAX). `source` is for any process but the own
 * one, whose memory is read without it. Returns 0 or -ENOMEM.
 */
int recall_init(
	struct recall *recall, struct arena *arena, pid_t pid, struct memory *source, size_t lines);
/*
 * Begins anew. Afterwards at most `reads` more reads of the process are made. [stack_start,
 * stack_end), of the calling thread, is mapped for certain (both 0: nothing is).
 */
void recall_begin(struct recall *recall, uint32_t reads, uint64_t stack_start, uint64_t stack_end);
