/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer.h - writes a recording: interns, encodes into one block at a time, and appends it.
 *
 * Runs on Holter's thread inside a server (and in `holter attach`): no heap, no stdio, no locks;
 * all storage is handed in and bounded. When an interning table is full the writer forgets all of
 * it and goes on under fresh ids, so nothing is lost. When a write fails the file is cut back to
 * its last whole block, or a new file begun; what did not fit is counted as LOSS_BLOCK_WRITE and
 * recording goes on when there is room again. Tier A (raw system calls). Not thread-safe: one
 * thread owns a writer.
 *
 * The block that is being built always fits: an event that does not fit closes it first (writes
 * it).
 */
#pragma once

#include "arena.h"
#include "event.h"

struct writer;

struct writer_config {
	const char *path;         /* of the recording; "<path>.1" is the rotated half */
	uint64_t max_bytes;       /* of both files together, 1 MiB at least; 0: no limit */
	uint64_t chunk_ns;        /* a chunk lasts at most this long (10 s is usual) */
	uint64_t recording_id;    /* random */
	uint64_t (*now_ns)(void); /* CLOCK_MONOTONIC */
};

/* Bytes of arena that a writer needs. */
size_t writer_arena_bytes(void);

/*
 * Creates the file (mode 0600, O_EXCL unless it exists as a regular file of the same owner,
 * O_NOFOLLOW, O_CLOEXEC, descriptor moved above 900 where the limit allows). The strings in `head`
 * are copied. Returns 0 and a writer whose storage is the arena's, or a negative errno.
 */
int writer_open(struct writer **ret, struct arena *arena, const struct writer_config *config,
	const struct record_head *head);
/* Changes what later chunks say in Head, beginning with a new chunk. */
void writer_set_head(struct writer *writer, const struct record_head *head);
/* Says that all was seen to the end. Only names (writer_named) may follow. */
void writer_end(struct writer *writer);
/* Flushes, and if `goodbye` marks the recording as ended. The file is closed in any case. */
int writer_close(struct writer *writer, bool goodbye);
/* After fork, in the child: forgets the file without touching it. */
void writer_abandon(struct writer *writer);
/* The descriptor in use, or -1 (hazard 22: the owner checks its identity). */
int writer_descriptor(const struct writer *writer);

/* Interning: returns an id, or 0 if the item was refused (counted as LOSS_INTERN). */
uint32_t writer_string(struct writer *writer, const char *text, size_t length);
uint32_t writer_mapping(struct writer *writer, const struct record_mapping *mapping);
uint32_t writer_function(struct writer *writer, const struct record_function *function);

struct writer_location {
	enum frame_kind kind;
	enum frame_doubt doubt;
	uint64_t address;
	uint32_t mapping,
		function; /* ids of this writer, as just returned by the functions above */
	uint32_t line, column;
};

/*
 * The ids that the interning functions return stay valid until the next call of writer_stack's
 * begin: tables are reset only there.
 */
void writer_stack_begin(struct writer *writer);
/* Appends a location, innermost first; beyond RECORD_STACK_MAX it is dropped. */
void writer_stack_add(struct writer *writer, const struct writer_location *location);
/* Interns the stack begun last. Returns its id. */
uint32_t writer_stack_end(struct writer *writer);

/* Events. */
void writer_loop(struct writer *writer, const struct record_loop *loop);
/* buckets: HISTOGRAM_BUCKETS counts of the period from histogram_from_ns, or null for none. */
void writer_turns(struct writer *writer, const struct record_turns *turns, const uint32_t *buckets);
void writer_stall(struct writer *writer, const struct record_stall *stall);
void writer_sample(struct writer *writer, const struct record_sample *sample);
/* Adds to a count. The writer keeps the sums and writes them in the next block after a change. */
void writer_lost(struct writer *writer, enum loss_kind kind, uint64_t count, int error);
/* The state of this pool, which it declares where that is due. */
void writer_pool_state(struct writer *writer, const struct record_pool *pool,
	const struct record_pool_state *state);
/* The stack built last says what lies at the address of its last location. */
void writer_named(struct writer *writer, uint32_t stack);
/* The stack of a loop in its main wait. */
void writer_resting(struct writer *writer, uint32_t loop, uint32_t stack);
void writer_note(struct writer *writer, enum note_kind kind, const char *text);

/* Writes the block in progress, if it holds anything. Returns 0, or a negative errno (counted). */
int writer_flush(struct writer *writer);
