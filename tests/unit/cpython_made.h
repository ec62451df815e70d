/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpython_made.h - a CPython in made-up memory, for tests of what reads one: a runtime with an
 * interpreter and two threads, frames in two calls of the evaluator, and one object. Its pieces
 * stand at fixed places, so that a test can say what it damages. Test code.
 */
#pragma once

#include "cpython_object.h"
#include "cpython_walk.h"

/* The memory's first address; the places below are offsets in it. */
#define MADE_BASE 0x7f0000000000u

enum { MADE_BYTES = 1 << 16, MADE_VERSIONS = 5 };
enum {
	TYPE_CODE = 0x10,
	TYPE_TEXT = 0x20,
	TYPE_BYTES = 0x30,
	OBJECT = 0x100,
	RUNTIME = 0x1000,
	INTERPRETER = 0x2000,
	THREAD = 0x3000,
	OTHER_THREAD = 0x3400,
	CALL = 0x4000,  /* and each next one 0x40 further */
	FRAME = 0x8000, /* and each next one 0x100 further */
	CODE = 0xc000,
};

extern struct cpython_made {
	struct memory memory;
	uint8_t bytes[MADE_BYTES];
	unsigned reads;
	struct cpython_layout layout;
	struct cpython_heap heap;
	struct cpython_thread thread;
} python;

/* Every version that has a layout of its own. */
extern const uint16_t made_versions[MADE_VERSIONS];

/* The tables that 3.9, 3.10 and 3.11 make of one function with a call over several lines, a loop, a
 * handler and a gap of forty lines. */
extern const uint8_t made_notab[22], made_ranges[26], made_locations[152];

/* Begins anew, with a runtime, an interpreter and its threads. */
void made_python(uint16_t version);
void made_put(uint32_t at, uint64_t value);
uint64_t made_frame_at(int frame);
uint64_t made_call_at(int call);
/* Frame i with code object i, before which `previous` runs (an address). */
void made_frame(int frame, uint64_t previous, bool is_end);
/* A _PyCFrame: its innermost frame, and the one of the call before. */
void made_call(int call, uint64_t frame, uint64_t previous);
/* Frames 0 and 1 run in call 0, frame 2 in call 1; frames 3 and 4 stand for the ends of the calls
 * where shims do. */
void made_frames(void);
/* The object: bytes; or a str of units up to UINT32_MAX. */
void made_bytes(const uint8_t *bytes, size_t length);
void made_text(uint8_t width, bool ascii, const uint32_t *units);
