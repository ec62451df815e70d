/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_cpython.c - a well-made CPython, damaged as the input says: finding a thread, walking its
 * frames, and reading a line and a name end, within their bounds.
 *
 * The input's first byte chooses the version, the second the capacity of slots, the third which
 * instruction is asked for. Then each four bytes are one change: which word of the memory, and what
 * is put there, 2 bits whether it is a plain number, an address in the memory, or four bytes of a
 * table, and 14 bits which, so that nobody has to guess 64 bits. What is left over ends a table of
 * lines.
 */
#include <stdlib.h>
#include <string.h>

#include "cpython_made.h"

enum { SLOTS_MAX = 128, READS_MAX = 200000, TID = 0x1234, NAME_BYTES = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
	if (!holds)
		abort();
}

static void damage(const uint8_t *change)
{
	uint16_t word, value;

	memcpy(&word, change, sizeof(word));
	memcpy(&value, change + 2, sizeof(value));
	word %= MADE_BYTES / 8;
	switch (value >> 14) {
	case 0:
		made_put(word * 8u, value & 0x3fff);
		break;
	case 1:
		made_put(word * 8u, MADE_BASE + (value & 0x3fff) * 4u);
		break;
	case 2:
		made_put(word * 8u, UINT64_MAX - (value & 0x3fff));
		break;
	default:
		memcpy(python.bytes + word * 8u, change, 4);
		break;
	}
}

static void walk(size_t capacity)
{
	struct unwind_slot slots[SLOTS_MAX];
	size_t count;

	/* Others that want the same thread are told apart by its id alone. */
	cpython_find_thread(
		&python.layout, &python.memory, MADE_BASE + RUNTIME, TID, &python.thread);
	count = cpython_walk(&python.layout, &python.memory, &python.thread, slots, capacity);
	require(count <= capacity);
	/* Frames are missing behind the last slot, and nowhere else. */
	for (size_t i = 0; i + 1 < count; i++)
		require(slots[i].fp != UINT64_MAX || python.layout.chain == CPYTHON_CHAIN_SHIMS);
}

static void name(uint8_t instruction)
{
	char text[NAME_BYTES];
	int64_t length;

	cpython_line(&python.heap, MADE_BASE + OBJECT, 1, 2 * (int64_t)instruction - 2);
	made_put(OBJECT + python.layout.object_type, MADE_BASE + TYPE_TEXT);
	length = cpython_text(&python.heap, MADE_BASE + OBJECT, text, sizeof(text));
	require(length < (int64_t)sizeof(text));
	require(length < 0 || strlen(text) == (size_t)length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 3)
		return 0;
	made_python(made_versions[data[0] % MADE_VERSIONS]);
	made_frames();
	made_bytes(made_locations, sizeof(made_locations));
	made_put(THREAD + python.layout.thread_native_id, TID);
	for (size_t at = 3; at + 4 <= size; at += 4)
		damage(data + at);
	memcpy(python.bytes + OBJECT + python.layout.bytes_body + sizeof(made_locations),
		data + size - (size - 3) % 4, (size - 3) % 4);
	walk(data[1] % (SLOTS_MAX + 1));
	name(data[2]);
	require(python.reads < READS_MAX);
	return 0;
}
