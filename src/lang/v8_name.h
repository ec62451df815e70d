/* SPDX-License-Identifier: Apache-2.0 */
/*
 * v8_name.h - a SharedFunctionInfo -> the function's name, script and declaration. A bounded cache,
 * whose entries are checked against the heap at each use (the type and two fields of the object):
 * code is moved and collected. Tier B.
 */
#pragma once

#include "arena.h"
#include "v8_heap.h"

enum { V8_NAMES_MAX = 1024, V8_NAME_BYTES = 256, V8_NAME_TEXT_BYTES = 128 << 10 };

struct v8_function {
	const char *name; /* UTF-8; "" if it has none. Borrowed until v8_names_begin */
	uint64_t script;  /* Script object; 0: none (a builtin) */
	int32_t start;    /* position of its parameter list in the script; -1: unknown */
};

struct v8_names;

/* Takes about 180 KiB of the arena. Returns null when it is full. */
struct v8_names *v8_names_new(struct arena *arena);
/* Call before the names of a new frame are asked for: when the text is full, everything is
 * forgotten, and only here. */
void v8_names_begin(struct v8_names *names);
/* Returns 0; -EINVAL if `shared` is no SharedFunctionInfo. */
int v8_name_find(
	struct v8_names *names, struct v8_heap *heap, uint64_t shared, struct v8_function *ret);
