/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpython_image.h - where CPython is in a process: the executable or shared object that contains
 * it, its version and layout, the addresses of what is needed of it, and the code of its evaluator.
 * All from dynamic symbols, which extension modules need as well: a stripped interpreter has them.
 * Tier B.
 */
#pragma once

#include "cpython_layout.h"
#include "image.h"
#include "lang.h"

struct cpython_image {
	struct image image;
	struct cpython_layout layout;
	char version[32]; /* "python 3.11.2"; without the last number before 3.11 */
	uint64_t runtime; /* _PyRuntime */
	uint64_t type_code, type_text, type_bytes;
	/* _PyEval_EvalFrameDefault, but for the parts that the compiler put elsewhere
	 * (-freorder-blocks-and-partition): those have no symbol. */
	uint64_t evaluator_start, evaluator_end;
};

/* Returns 0; -ENOENT: no CPython; -ENOTSUP with a reason (static text). */
int cpython_image_find(
	struct cpython_image *ret, const struct lang_target *target, const char **ret_reason);
