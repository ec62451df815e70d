/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recording.h - reads a recording into memory: salvages every whole block before and after a tear,
 * joins FILE.1 and FILE by recording id, resolves ids, and says what is missing. Never modifies a
 * file, never trusts a length, always makes progress (hazards 45 to 47). Tier C. Data: a file ->
 * struct recording -> src/symbol, src/analyze, src/render.
 */
#pragma once

#include <stdio.h>

#include "event.h"

struct mapping {
	struct record_mapping record; /* path owned by the recording */
};

struct function {
	const char *name;      /* "" if anonymous or unknown; never null */
	const char *file;      /* "" if unknown; never null */
	uint32_t line, column; /* declaration; 0 unknown */
};

/* Where the code that ran stands, if it was made from other code (a bundle, compiled TypeScript).
 */
struct generated {
	const struct function *function; /* as the runtime calls it, in the file that ran */
	uint32_t line, column;
};

struct frame {
	enum frame_kind kind;
	enum frame_doubt doubt;
	uint64_t address;                /* 0: inlined into the next frame */
	const struct mapping *mapping;   /* null: none */
	const struct function *function; /* null: not named yet, or not nameable */
	uint32_t line, column;
	uint64_t start; /* where a native function without a name begins, less the mapping's bias;
			   by src/symbol. 0: unknown */
	const struct generated
		*generated; /* null: what stands here is what ran; else by src/symbol */
	bool inlined;
	const char *unresolved; /* null, or why a name is missing ("no symbols", "file changed") */
};

struct stack {
	uint32_t id;
	size_t count;
	struct frame *frames; /* innermost first; src/symbol replaces the array by a named one */
};

struct loop {
	struct record_loop record;
	uint64_t turned_ns; /* it is known to have ended a turn since; 0: not known */
	size_t index;       /* in recording.loops */
};

struct turns {
	struct record_turns record;
	size_t bucket_count; /* pairs below; 0: the histogram comes with a later row */
	uint32_t *buckets;
	uint64_t *counts;
};

struct sample {
	struct record_sample record;
	struct stack *stack; /* null: its declaration was lost */
	const char *on;      /* the file or peer it waited for; "": not known */
};

struct stall {
	struct record_stall record;
	const struct loop *loop;           /* null: lost */
	const char *holder;                /* who had the CPU meanwhile; "": not known */
	size_t first_sample, sample_count; /* in recording.samples, ordered by time */
};

/* A pool that the program has annotated. (struct pool is memory: pool.h.) */
struct connection_pool {
	struct record_pool record;
	size_t first_state, state_count; /* in recording.pool_states, ordered by time */
};

struct note {
	enum note_kind kind;
	const char *text;
	uint64_t time_ns;
};

struct recording {
	struct record_head head;
	uint64_t recording_id;
	uint64_t first_ns, last_ns; /* observed span */
	bool ended;                 /* the process said good-bye */
	/* What the reader met. */
	uint64_t blocks_read, blocks_lost, bytes_skipped;
	uint64_t missing_ns; /* of the span: what lost blocks would have told of */
	uint64_t unresolved; /* references whose declarations were lost */
	bool truncated;      /* the file ends inside a block */

	struct mapping **mappings;
	size_t mapping_count;
	struct loop **loops;
	size_t loop_count;
	struct turns *turns;
	size_t turns_count;
	struct stall *stalls; /* by begin */
	size_t stall_count;
	struct sample *samples; /* by stall, then time */
	size_t sample_count;
	struct stack **stacks;
	size_t stack_count;
	const struct stack **named; /* each says what lies at its last frame's address */
	size_t named_count;
	const struct stack **resting; /* of loops in their main waits */
	size_t resting_count;
	struct connection_pool **connection_pools;
	size_t connection_pool_count;
	struct record_pool_state *pool_states; /* by pool, then time */
	size_t pool_state_count;
	struct note *notes;
	size_t note_count;
	uint64_t lost[LOSS_KINDS]; /* cumulative */

	struct pool *pool; /* private: owns everything above */
	int has_rust;      /* of src/analyze: 0: not asked yet, 1: yes, -1: no */
};

/* Tool-side arena: everything a loaded recording needs lives and dies together. */
void *recording_alloc(
	struct recording *recording, size_t size); /* zeroed; aborts the tool on ENOMEM */
char *recording_text(struct recording *recording, const char *text, size_t length);

enum recording_error {
	RECORDING_NOT_ONE = -1000,     /* no block in it: not a recording */
	RECORDING_EMPTY = -1001,       /* no byte in it */
	RECORDING_NEWER = -1002,       /* written by a newer version */
	RECORDING_NO_BLOCK = -1003,    /* magic seen, but no intact block */
	RECORDING_NOT_REGULAR = -1004, /* a pipe, a device, a socket */
	RECORDING_TOO_LARGE = -1005,   /* unpacks to more than the reader's budget */
};

/*
 * Loads PATH (and PATH.1 if it belongs to it). Returns 0, a negative errno, or a recording_error.
 * recording_complaint gives one line for a person: what is wrong and what to do.
 */
int recording_load(struct recording **ret, const char *path);
const char *recording_complaint(int error);
void recording_free(struct recording *recording);

/* Prints every block of this one file as it is, one line a message, for people and tests. Returns
 * like load. */
int recording_dump(FILE *out, const char *path);
