/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stacks.h - a copied stack becomes a recorded one: unwound, named as far as only the living
 * process can (its language runtime), and interned. Native frames stay addresses in mappings; the
 * tool names those.
 *
 * Data: struct unwind_sample, the memory of its process -> src/unwind, src/lang -> the writer.
 * Tier B: Holter's thread in the server; C in `holter attach`.
 */
#pragma once

#include "arena.h"
#include "lang.h"
#include "program.h"
#include "writer.h"

struct stacks;

struct stacks_config {
	pid_t pid;
	const struct program *program; /* borrowed for the life of the stacks */
	/* An address in Holter's library, beside which a private libunwind may lie; 0: in no
	 * library. */
	uint64_t own_address;
	/* Called around libunwind, which uses the loader and malloc. May be null. */
	void (*lock)(void);
	void (*unlock)(void);
};

/*
 * Finds libunwind, the mappings and the language runtime of a process. All storage is the arena's.
 * Returns 0, or a negative errno where nothing can be read of it (-EPERM, -ESRCH, -ENOMEM).
 */
int stacks_open(struct stacks **ret, struct arena *arena, const struct stacks_config *config);
/* The language runtime, for who captures its frames' slots; null: a native program, or one that
 * gives no names. */
const struct lang *stacks_lang(const struct stacks *stacks);
/* "node 20.20.2", or "". */
const char *stacks_runtime(const struct stacks *stacks);
const char *stacks_unwinder(const struct stacks *stacks);
/* Why a runtime that is there gives no names, or null. */
const char *stacks_complaint(const struct stacks *stacks);
/* The library at this address, Holter's own in the process, has no frames in any stack. */
void stacks_hide(struct stacks *stacks, uint64_t address);
/* The mappings as last read. Borrowed. */
const struct maps *stacks_maps(const struct stacks *stacks);
/* Reads the mappings again: before the first sample of a stall. */
void stacks_refresh(struct stacks *stacks);
/* Finds the writable mapping that holds `hint`, that of a thread's stack; 0, 0: it is gone. */
void stacks_find_stack(
	const struct stacks *stacks, uint64_t hint, uint64_t *ret_start, uint64_t *ret_end);
/*
 * Lays what was copied with a sample over the memory of the process, for capturing its slots and
 * for stacks_record; count 0 takes it away. Borrowed until then.
 */
void stacks_patch(struct stacks *stacks, const struct memory_patch *patches, size_t count);
/*
 * Unwinds, names and interns. Returns the stack's id, or 0. ret_collects (may be null): whether the
 * runtime was collecting garbage.
 */
uint32_t stacks_record(struct stacks *stacks, struct writer *writer,
	const struct unwind_sample *sample, bool *ret_collects);
