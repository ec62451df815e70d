/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record_check.h - holds a file against what holter.proto promises of any recording, by protobuf-c
 * alone and not by the reader under test: whole blocks, no gap in the sequence, a head in each
 * chunk's first block, every reference declared in its chunk before or in the block that uses it,
 * no id with two meanings.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct record_facts {
	uint64_t blocks, first_sequence, last_sequence;
	uint32_t chunks, last_chunk;
	uint64_t samples, stalls, strings, pool_states;
	uint64_t lost[16];     /* by kind, as last said */
	uint64_t repeated_ids; /* declarations beyond an id's first */
	bool ended;
};

/* Fails the running Check test if the file breaks a promise. */
void record_check(const char *path, struct record_facts *ret);
