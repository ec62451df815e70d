/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place.h - one function at one address: what modules answer and workers carry.
 *
 * Tier C: types only.
 */
#pragma once

#include <stdint.h>

enum {
	PLACE_DEPTH_MAX = 64, /* functions at one address: one, and what was inlined into it */
};

struct place {
	const char *name;       /* as a person wrote it; null: unknown */
	const char *file;       /* absolute where the compiler said so; null: unknown */
	uint32_t line, column;  /* of the address, in `file`; 0: unknown */
	uint32_t function_line; /* of the declaration, in `file`; 0: unknown */
	uint64_t start; /* of a function without a name, as the file has addresses; 0: unknown */
};
