/* SPDX-License-Identifier: Apache-2.0 */
/*
 * v8_made.h - a made-up V8 heap: objects laid out as in Node 20, at addresses of their own, behind
 * a struct memory that counts what is read and faults outside of it.
 */
#pragma once

#include "v8_heap.h"

enum { MADE_BYTES = 1 << 20 };

extern const uint64_t made_base;
extern const struct v8_layout made_layout;

struct made {
	struct memory memory;
	struct v8_layout layout; /* a copy of made_layout, for tests to change */
	struct v8_heap heap;
	size_t used, reads;
	uint64_t maps[4096]; /* by instance type; 0: none yet */
	uint8_t bytes[MADE_BYTES];
};

/* Returns a new heap; free() it. */
struct made *made_new(void);
/* Takes bytes of the heap, aligned to `alignment`; returns their address. */
uint64_t made_bytes(struct made *made, size_t size, size_t alignment);
/* The bytes at an address. */
void *made_at(struct made *made, uint64_t address);
/* A new object (tagged) of a type, zeroed. */
uint64_t made_object(struct made *made, int32_t type, size_t size);
void made_set(struct made *made, uint64_t object, int32_t offset, uint64_t value);
void made_set_u32(struct made *made, uint64_t object, int32_t offset, uint32_t value);
uint64_t made_smi(int64_t value);

uint64_t made_one_byte(struct made *made, const char *latin1);
uint64_t made_two_byte(struct made *made, const uint16_t *units, uint32_t count);
uint64_t made_cons(struct made *made, uint64_t first, uint64_t second);
uint64_t made_sliced(struct made *made, uint64_t parent, uint32_t offset, uint32_t length);
uint64_t made_thin(struct made *made, uint64_t actual);
uint64_t made_external(struct made *made, const char *latin1, bool uncached);
uint64_t made_byte_array(struct made *made, const void *bytes, size_t length);
uint64_t made_array(struct made *made, const uint64_t *elements, size_t length);
uint64_t made_script(struct made *made, uint64_t name, uint64_t source);
/* A SharedFunctionInfo with name_or_scope, script and function data. */
uint64_t made_shared(struct made *made, uint64_t name_or_scope, uint64_t script, uint64_t data);
uint64_t made_function(struct made *made, uint64_t shared, uint64_t code);
uint64_t made_bytecode(struct made *made, const uint8_t *code, size_t length, uint64_t positions);
/* A Code object for `size` bytes of instructions at `start`. */
uint64_t made_code(struct made *made, uint32_t kind, uint64_t start, uint32_t size,
	uint64_t positions, uint64_t deoptimization);
