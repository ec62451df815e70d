/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record_fixture.h - small recordings for tests: a folder that goes with the test, a clock that the
 * test moves, a writer on both, and a scene that holds one of each message.
 */
#pragma once

#include "writer.h"

struct fixture {
	char folder[64], path[96], older_path[100];
	uint64_t recording_id;
	struct arena arena;
	struct writer *writer;
};

extern uint64_t fixture_clock_ns; /* what every fixture's writer reads */
extern const struct record_head fixture_head;

enum {
	FIXTURE_RECORDING_ID = 0x5EED,
	FIXTURE_START_NS = 1000000000,
	FIXTURE_CHUNK_NS = 1000000000,
};

/* Makes the folder; names the files in it. */
void fixture_init(struct fixture *fixture);
/* Opens a writer. Fails the test if that fails. */
void fixture_open(struct fixture *fixture, uint64_t max_bytes);
void fixture_close(struct fixture *fixture, bool goodbye);
/* Removes files and folder. */
void fixture_done(struct fixture *fixture);

/* A stack of `depth` frames that differ from those of other seeds. Returns its id. */
uint32_t fixture_stack(struct writer *writer, uint32_t seed, uint32_t depth);
/* One loop, one period of turns, a stall with two samples, a pool's state, a loss and a note. */
void fixture_scene(struct writer *writer, uint64_t stall_id);

/* A file as it is on disk. The caller frees it. */
uint8_t *fixture_read(const char *path, size_t *ret_size);
void fixture_write(const char *path, const void *bytes, size_t size);
/* Appends a block with a right header around any message. */
void fixture_append(
	const char *path, uint16_t version, uint64_t sequence, const void *message, size_t length);
