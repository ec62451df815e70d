/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena.h - bump allocation from one private mapping of fixed size: Holter's own memory inside a
 * server. It never touches the server's allocator and never grows: when it is full, the caller
 * drops and counts.
 * Tier A (allocation); arena_init maps memory.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct arena {
	uint8_t *bytes;
	size_t used, size;
};

/* Maps `size` bytes (touched only when used). Returns 0 or a negative errno. */
int arena_init(struct arena *arena, size_t size);
void arena_done(struct arena *arena);
/* Returns zeroed memory aligned to 16 bytes, or null when the arena is full. */
void *arena_alloc(struct arena *arena, size_t size);
