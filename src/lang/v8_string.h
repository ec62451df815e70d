/* SPDX-License-Identifier: Apache-2.0 */
/*
 * v8_string.h - the characters of V8's strings, whatever their shape: one byte (Latin-1) or two
 * (UTF-16) a unit, flat, or made of others (cons, sliced, thin), or kept outside of the heap
 * (external). Read as a stream of UTF-16 units from any position, or as UTF-8 text. Tier B. Bounded
 * by the heap's reads and by the stack of parts still to come.
 */
#pragma once

#include "v8_heap.h"

enum { V8_STRING_PARTS_MAX = 32 };

/* A part of a string: the units [from, to) of the string object. */
struct v8_string_part {
	uint64_t string;
	uint32_t from, to;
};

struct v8_string {
	struct v8_heap *heap;
	size_t part_count;
	struct v8_string_part parts[V8_STRING_PARTS_MAX]; /* the next one last */
	uint64_t address;                                 /* of the flat run being read */
	uint32_t left;                                    /* units of it */
	bool two_byte;
};

/* Returns the number of units of a string, or -EINVAL if the value is none. */
int64_t v8_string_length(struct v8_heap *heap, uint64_t value);
/* Begins to read the units [from, to) (cut to the string's length). */
void v8_string_open(
	struct v8_string *string, struct v8_heap *heap, uint64_t value, uint32_t from, uint32_t to);
/*
 * Delivers the next units, at most `capacity` (up to 2048 are read at a time). Returns their
 * number; 0 at the end; -EINVAL if it is no string; -EFAULT; -E2BIG if it consists of too many
 * nested parts.
 */
int64_t v8_string_next(struct v8_string *string, uint16_t *units, size_t capacity);
/*
 * Writes a string as NUL-terminated UTF-8, cut before the character that does not fit. A lone
 * surrogate and NUL become U+FFFD. Returns the bytes written without the NUL, or the error of
 * v8_string_next.
 */
int64_t v8_string_utf8(struct v8_heap *heap, uint64_t value, char *buffer, size_t size);
