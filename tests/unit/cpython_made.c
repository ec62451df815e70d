/* SPDX-License-Identifier: Apache-2.0 */
#include "cpython_made.h"

#include <stdlib.h>
#include <string.h>

struct cpython_made python;
const uint16_t made_versions[] = {309, 310, 311, 312, 313};

const uint8_t made_notab[] = {0x00, 0x03, 0x02, 0x01, 0x02, 0x01, 0x02, 0xfe, 0x04, 0x03, 0x08,
	0x01, 0x04, 0x01, 0x0a, 0x01, 0x0c, 0x01, 0x08, 0x02, 0x12, 0x29};
const uint8_t made_ranges[] = {0x02, 0x03, 0x02, 0x01, 0x02, 0x01, 0x04, 0xfe, 0x08, 0x03, 0x04,
	0x01, 0x0a, 0x01, 0x0c, 0x01, 0x04, 0x01, 0x02, 0xff, 0x02, 0x80, 0x10, 0x03, 0x0e, 0x29};
const uint8_t made_locations[] = {0x80, 0x00, 0xf5, 0x06, 0x00, 0x09, 0x0a, 0xd8, 0x08, 0x09, 0xd8,
	0x08, 0x09, 0xf1, 0x05, 0x02, 0x09, 0x0b, 0xf4, 0x00, 0x02, 0x09, 0x0b, 0x80, 0x41, 0xf0,
	0x06, 0x00, 0x0e, 0x0f, 0xf0, 0x00, 0x06, 0x05, 0x10, 0xf0, 0x00, 0x06, 0x05, 0x10, 0x88,
	0x01, 0xf0, 0x02, 0x05, 0x09, 0x10, 0xd8, 0x0c, 0x0d, 0x88, 0x41, 0x89, 0x43, 0x8c, 0x43,
	0x88, 0x43, 0x88, 0x43, 0xf8, 0xdd, 0x0f, 0x19, 0xf0, 0x00, 0x01, 0x09, 0x11, 0xf0, 0x00,
	0x01, 0x09, 0x11, 0xf0, 0x00, 0x01, 0x09, 0x11, 0xd8, 0x0c, 0x10, 0x88, 0x44, 0xf0, 0x03,
	0x01, 0x09, 0x11, 0xf8, 0xf8, 0xf8, 0xf5, 0x06, 0x00, 0x0d, 0x0e, 0x89, 0x43, 0x8c, 0x43,
	0x88, 0x43, 0x88, 0x43, 0xf8, 0x8d, 0x41, 0x89, 0x43, 0x8c, 0x43, 0x88, 0x43, 0x88, 0x43,
	0xf8, 0xf8, 0xf8, 0xf0, 0x52, 0x01, 0x01, 0x0c, 0x0b, 0xf0, 0x00, 0x01, 0x0c, 0x0b, 0x90,
	0x71, 0xf0, 0x00, 0x01, 0x0c, 0x0b, 0xf1, 0x00, 0x01, 0x0c, 0x0b, 0xf4, 0x00, 0x01, 0x0c,
	0x0b, 0xf0, 0x00, 0x01, 0x05, 0x0b};

static int64_t read_world(struct memory *memory, uint64_t address, void *buffer, size_t length)
{
	struct cpython_made *made = (struct cpython_made *)memory;

	made->reads++;
	if (address < MADE_BASE || address - MADE_BASE >= MADE_BYTES)
		return 0;
	if (length > MADE_BYTES - (address - MADE_BASE))
		length = MADE_BYTES - (address - MADE_BASE);
	memcpy(buffer, made->bytes + (address - MADE_BASE), length);
	return (int64_t)length;
}

void made_put(uint32_t at, uint64_t value)
{
	memcpy(python.bytes + at, &value, sizeof(value));
}

/* What CPython 3.13.0 for x86-64 says of itself. */
static const uint64_t debug_offsets[] = {
	0x7970677562656478, 0x030d00f0, 0, /* cookie, version, free-threaded */
	283320, 608, 632,                  /* the runtime */
	194968, 7272, 7264, 7344, 7400, 7656, 7640, 7648, 16, 7752, 0, 7768, 7760, /* interpreter */
	304, 0, 8, 16, 72, 152, 160, 232, 32,                                      /* thread */
	80, 8, 0, 56, 72, 70,                                                      /* frame */
	208, 112, 120, 128, 136, 68, 52, 96, 104, 200,                             /* code */
	16, 8, 416, 24, 88, 168,                          /* object, type */
	32, 24, 16, 40, 24, 16, 48, 32, 40, 24, 16,       /* tuple, list, dict, float */
	32, 16, 24, 40, 16, 32, 64, 32, 16, 40, 240, 200, /* int, bytes, str, collector */
};

void made_python(uint16_t version)
{
	memset(&python, 0, sizeof(python));
	python.memory.read = read_world;
	if (version == 313) {
		memcpy(python.bytes + RUNTIME, debug_offsets, sizeof(debug_offsets));
		if (cpython_layout_read(&python.layout, &python.memory, MADE_BASE + RUNTIME))
			abort();
	} else if (!cpython_layout_known(&python.layout, version)) {
		abort();
	}
	python.heap = (struct cpython_heap){
		.memory = &python.memory,
		.layout = &python.layout,
		.type_code = MADE_BASE + TYPE_CODE,
		.type_text = MADE_BASE + TYPE_TEXT,
		.type_bytes = MADE_BASE + TYPE_BYTES,
	};
	made_put(RUNTIME + python.layout.runtime_interpreters, MADE_BASE + INTERPRETER);
	made_put(INTERPRETER + python.layout.interpreter_threads, MADE_BASE + OTHER_THREAD);
	made_put(OTHER_THREAD + python.layout.thread_next, MADE_BASE + THREAD);
	made_put(OTHER_THREAD + python.layout.thread_interpreter, MADE_BASE + INTERPRETER);
	made_put(THREAD + python.layout.thread_interpreter, MADE_BASE + INTERPRETER);
	made_put(THREAD + python.layout.thread_id, 0x1234);
	python.thread = (struct cpython_thread){MADE_BASE + THREAD, 0x1234};
}

void made_bytes(const uint8_t *bytes, size_t length)
{
	made_put(OBJECT + python.layout.object_type, MADE_BASE + TYPE_BYTES);
	made_put(OBJECT + python.layout.object_length, length);
	memcpy(python.bytes + OBJECT + python.layout.bytes_body, bytes, length);
}

void made_text(uint8_t width, bool ascii, const uint32_t *units)
{
	uint32_t body = OBJECT + (ascii ? python.layout.text_ascii_body : python.layout.text_body);
	uint64_t length = 0;

	for (; units[length] != UINT32_MAX; length++)
		memcpy(python.bytes + body + length * width, &units[length], width);
	made_put(OBJECT + python.layout.object_type, MADE_BASE + TYPE_TEXT);
	made_put(OBJECT + python.layout.text_length, length);
	made_put(OBJECT + python.layout.text_state, (uint64_t)(width << 2 | 1 << 5 | ascii << 6));
}

uint64_t made_frame_at(int frame)
{
	return MADE_BASE + FRAME + 0x100 * (uint64_t)frame;
}

uint64_t made_call_at(int call)
{
	return MADE_BASE + CALL + 0x40 * (uint64_t)call;
}

void made_frame(int frame, uint64_t previous, bool is_end)
{
	uint32_t at = FRAME + 0x100 * (uint32_t)frame;

	made_put(at + python.layout.frame_previous, previous);
	made_put(at + python.layout.frame_code, MADE_BASE + CODE + (uint64_t)frame);
	made_put(at + python.layout.frame_instruction, 10 + (uint64_t)frame);
	if (is_end)
		python.bytes[at + python.layout.frame_end] = python.layout.frame_end_value;
}

void made_call(int call, uint64_t frame, uint64_t previous)
{
	made_put(CALL + 0x40 * (uint32_t)call + python.layout.call_frame, frame);
	made_put(CALL + 0x40 * (uint32_t)call + python.layout.call_previous, previous);
}

void made_frames(void)
{
	bool shims = python.layout.frame_end_is_shim,
	     calls = python.layout.chain == CPYTHON_CHAIN_CALLS;
	uint64_t first =
		python.layout.chain == CPYTHON_CHAIN_SHIMS ? made_call_at(0) : made_frame_at(3);
	uint64_t second =
		python.layout.chain == CPYTHON_CHAIN_SHIMS ? made_call_at(1) : made_frame_at(4);

	made_frame(0, made_frame_at(1), false);
	made_frame(1, shims ? first : made_frame_at(2), !shims && calls);
	made_frame(2, shims ? second : 0, !shims && calls);
	if (calls) {
		made_frame(3, made_frame_at(2), true);
		made_frame(4, 0, true);
		made_call(0, made_frame_at(0), made_call_at(1));
		made_call(1, made_frame_at(2), MADE_BASE + THREAD + 0x200);
		made_put(THREAD + python.layout.thread_frame, made_call_at(0));
		return;
	}
	if (shims) {
		made_put(CALL + python.layout.frame_previous, made_frame_at(2));
		python.bytes[CALL + python.layout.frame_end] = python.layout.frame_end_value;
		made_put(CALL + 0x40 + python.layout.frame_previous, 0);
		python.bytes[CALL + 0x40 + python.layout.frame_end] = python.layout.frame_end_value;
	}
	made_put(THREAD + python.layout.thread_frame, made_frame_at(0));
}
