/* SPDX-License-Identifier: Apache-2.0 */
/*
 * v8_heap.h - tagged values and typed reads of V8's heap. The heap is someone else's and may be
 * moving, freed or hostile: every object is checked by its instance type before a field of it means
 * anything, and the number of reads is limited per question, so that no shape of heap costs more
 * than that. Tier B.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "memory.h"
#include "v8_layout.h"

enum { V8_READS_MAX = 4096 }; /* a question: one frame named, one step, one resync */

struct v8_heap {
	struct memory *memory;
	const struct v8_layout *layout;
	uint32_t reads_left;
};

/* V8: include/v8-internal.h. Objects end in binary 01; small integers fill the upper half of a
 * word. */
static inline bool v8_is_object(uint64_t value)
{
	return (value & 3) == 1;
}

static inline bool v8_is_smi(uint64_t value)
{
	return (uint32_t)value == 0;
}

static inline int32_t v8_smi(uint64_t value)
{
	return (int32_t)(value >> 32);
}

/* Reads raw bytes. Returns 0; -EFAULT; -E2BIG when the question's reads are used up. */
int v8_read(struct v8_heap *heap, uint64_t address, void *buffer, size_t length);
/* Returns an object's instance type, or -EINVAL if it is no object. */
int v8_type(struct v8_heap *heap, uint64_t object);
/* Whether a value is an object of a type; false for a type that this version lacks (-1). */
bool v8_is(struct v8_heap *heap, uint64_t value, int32_t type);
bool v8_is_function(struct v8_heap *heap, uint64_t value);
/* Reads a tagged field. Returns 0 or -EFAULT. */
int v8_field(struct v8_heap *heap, uint64_t object, int32_t offset, uint64_t *ret);
/* The same for a field that must hold an object of a type: -EINVAL if it does not. */
int v8_field_of(struct v8_heap *heap, uint64_t object, int32_t offset, int32_t type, uint64_t *ret);
/* The same for a small integer. */
int v8_field_smi(struct v8_heap *heap, uint64_t object, int32_t offset, int32_t *ret);
int v8_field_u32(struct v8_heap *heap, uint64_t object, int32_t offset, uint32_t *ret);
/* The bytes of a ByteArray (or its trusted kind): their address and number. Returns 0 or -EINVAL.
 */
int v8_byte_array(
	struct v8_heap *heap, uint64_t object, uint64_t *ret_address, uint32_t *ret_length);
/* Reads an element of an array whose type the caller has checked or cannot know. Returns 0,
 * -EFAULT, or -ERANGE. */
int v8_element(struct v8_heap *heap, uint64_t array, int32_t index, uint64_t *ret);
