/* SPDX-License-Identifier: Apache-2.0 */
/*
 * v8_image.h - where V8 is in a process: the module that contains it, its version and Node's, the
 * builtins that were compiled into it (the embedded blob) with every place they are mapped at, and
 * a table of its interpreter. From the module's memory, and from the symbol table of its file where
 * the memory has none. Tier B.
 */
#pragma once

#include "lang.h"
#include "v8_layout.h"
#include "v8_position.h"

enum { V8_BLOB_PLACES_MAX = 16, V8_BYTECODE_SIZES_MAX = 1024 };

struct v8_range {
	uint64_t start, end;
};

struct v8_image {
	struct image image;
	struct v8_layout layout;
	char runtime[64]; /* "node 20.20.2", or "v8 11.3" if it is not Node */
	/* The builtins: [0] where the loader put them, then their copies (V8 maps them near
	 * generated code too). */
	struct v8_range blob[V8_BLOB_PLACES_MAX];
	uint64_t blob_address, blob_variable; /* where [0] is, or where a pointer to it is; or 0 */
	uint64_t blob_size_variable;
	size_t blob_count; /* 0: not found; then no pc is known to be a builtin's */
	struct v8_range
		collector; /* the function under which all collections run; 0, 0: not found */
	uint8_t bytecode_sizes[V8_BYTECODE_SIZES_MAX];
	struct v8_bytecode_sizes sizes; /* points to bytecode_sizes, or empty */
};

/* Returns 0; -ENOENT: no V8; -ENOTSUP with a reason (static text). */
int v8_image_find(struct v8_image *ret, const struct lang_target *target, const char **ret_reason);
/* Looks again for the copies of the builtins. */
void v8_image_refresh(struct v8_image *image, const struct lang_target *target);
/* Whether pc lies in the builtins or one of their copies. */
bool v8_image_is_builtin(const struct v8_image *image, uint64_t pc);
