/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stacks.h - a sample becomes a recorded stack: unwound, named as far as only the living process
 * can (its language runtime), and interned. Native frames stay addresses in mappings; the tool
 * names those.
 *
 * Data: struct sampled -> src/unwind, src/lang -> the writer. Tier B: Holter's thread.
 */
#pragma once

#include "sampler.h"
#include "writer.h"

/* Finds out which program this is. Returns the inode of its file, or 0. */
uint64_t stacks_identify(void);
/* Afterwards: finds libunwind, the mappings and the language runtime of the own process. Returns 0
 * or a negative errno. */
int stacks_open(struct arena *arena);
/*
 * The path of the program by the name it was started under: one file may be many programs (Debian's
 * redis-server is a link to redis-check-rdb).
 */
const char *stacks_program(void);
/* "node 20.20.2", or "". */
const char *stacks_runtime(void);
const char *stacks_unwinder(void);
/* Why a runtime that is there gives no names, or null. */
const char *stacks_complaint(void);
/* Reads the mappings again: before the first sample of a stall. */
void stacks_refresh(void);
/* The mapping of a thread's stack that holds `hint`; the target's bounds become 0, 0 if it is gone.
 */
void stacks_find_stack(uint64_t hint, struct sample_target *target);
/* Unwinds, names and interns. Returns the stack's id, or 0. */
uint32_t stacks_record(struct writer *writer, const struct sampled *sampled);
