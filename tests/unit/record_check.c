/* SPDX-License-Identifier: Apache-2.0 */
/* record_check.c - see record_check.h. */
#include "record_check.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "crc32c.h"
#include "event.h"
#include "holter.pb-c.h"
#include "record_fixture.h"

enum { IDS_MAX = 1 << 20 };

/* One kind of declarations: which chunk made each last, and what it said. */
struct declarations {
	uint32_t chunks[IDS_MAX];
	uint32_t contents[IDS_MAX]; /* CRC of the packed message */
};

static struct declarations strings, mappings, functions, locations, stacks, loops, pools;

static void declare(struct declarations *declarations, uint32_t id, uint32_t chunk,
	const void *packable, struct record_facts *facts)
{
	const ProtobufCMessage *message = packable;
	uint8_t *packed = malloc(protobuf_c_message_get_packed_size(message) + 1);
	uint32_t content = crc32c(0, packed, protobuf_c_message_pack(message, packed));

	free(packed);
	ck_assert_uint_gt(id, 0);
	ck_assert_uint_lt(id, IDS_MAX);
	if (declarations->chunks[id] != 0) {
		ck_assert_msg(declarations->contents[id] == content, "id %u means two things", id);
		facts->repeated_ids++;
	}
	declarations->contents[id] = content;
	declarations->chunks[id] = chunk;
}

static void refer(const struct declarations *declarations, uint32_t id, uint32_t chunk)
{
	if (id == 0)
		return;
	ck_assert_uint_lt(id, IDS_MAX);
	ck_assert_msg(declarations->chunks[id] == chunk,
		"id %u is used in chunk %u and was declared in chunk %u", id, chunk,
		declarations->chunks[id]);
}

static void check_declarations(const Holter__Record__Block *block, struct record_facts *facts)
{
	uint32_t chunk = block->chunk;

	for (size_t i = 0; i < block->n_string; i++)
		declare(&strings, block->string[i]->id, chunk, block->string[i], facts);
	facts->strings += block->n_string;
	for (size_t i = 0; i < block->n_mapping; i++) {
		declare(&mappings, block->mapping[i]->id, chunk, block->mapping[i], facts);
		refer(&strings, block->mapping[i]->path, chunk);
	}
	for (size_t i = 0; i < block->n_function; i++) {
		declare(&functions, block->function[i]->id, chunk, block->function[i], facts);
		refer(&strings, block->function[i]->name, chunk);
		refer(&strings, block->function[i]->file, chunk);
	}
	for (size_t i = 0; i < block->n_location; i++) {
		declare(&locations, block->location[i]->id, chunk, block->location[i], facts);
		refer(&mappings, block->location[i]->mapping, chunk);
		refer(&functions, block->location[i]->function, chunk);
	}
	for (size_t i = 0; i < block->n_stack; i++) {
		declare(&stacks, block->stack[i]->id, chunk, block->stack[i], facts);
		for (size_t j = 0; j < block->stack[i]->n_location; j++)
			refer(&locations, block->stack[i]->location[j], chunk);
	}
	for (size_t i = 0; i < block->n_loop; i++) {
		ck_assert_uint_lt(block->loop[i]->id, IDS_MAX);
		loops.chunks[block->loop[i]->id] = chunk;
		refer(&strings, block->loop[i]->thread, chunk);
	}
	for (size_t i = 0; i < block->n_pool; i++) {
		declare(&pools, block->pool[i]->id, chunk, block->pool[i], facts);
		refer(&strings, block->pool[i]->name, chunk);
	}
}

static void check_events(const Holter__Record__Block *block, struct record_facts *facts)
{
	for (size_t i = 0; i < block->n_turns; i++)
		refer(&loops, block->turns[i]->loop, block->chunk);
	for (size_t i = 0; i < block->n_stall; i++)
		refer(&loops, block->stall[i]->loop, block->chunk);
	for (size_t i = 0; i < block->n_sample; i++) {
		refer(&loops, block->sample[i]->loop, block->chunk);
		refer(&stacks, block->sample[i]->stack, block->chunk);
	}
	for (size_t i = 0; i < block->n_pool_state; i++)
		refer(&pools, block->pool_state[i]->pool, block->chunk);
	for (size_t i = 0; i < block->n_named; i++)
		refer(&stacks, block->named[i]->stack, block->chunk);
	for (size_t i = 0; i < block->n_resting; i++) {
		refer(&loops, block->resting[i]->loop, block->chunk);
		refer(&stacks, block->resting[i]->stack, block->chunk);
	}
	for (size_t i = 0; i < block->n_note; i++)
		refer(&strings, block->note[i]->text, block->chunk);
	for (size_t i = 0; i < block->n_loss; i++) {
		ck_assert_uint_ge(block->loss[i]->count, facts->lost[block->loss[i]->kind]);
		facts->lost[block->loss[i]->kind] = block->loss[i]->count;
	}
	facts->stalls += block->n_stall;
	facts->samples += block->n_sample;
	facts->pool_states += block->n_pool_state;
	facts->ended |= block->end != NULL;
}

static uint64_t le(const uint8_t *bytes, size_t size)
{
	uint64_t value = 0;

	while (size-- > 0)
		value = value << 8 | bytes[size];
	return value;
}

/* Returns the length of the block with its header. */
static size_t check_block(const uint8_t *bytes, size_t left, struct record_facts *facts)
{
	uint64_t length, sequence;
	Holter__Record__Block *block;
	uint32_t crc;

	ck_assert_uint_ge(left, RECORD_HEADER_BYTES);
	ck_assert_mem_eq(bytes, "HLT\xB1", 4);
	ck_assert_uint_eq(le(bytes + 4, 2), RECORD_FORMAT_VERSION);
	ck_assert_uint_eq(le(bytes + 6, 2), 0);
	length = le(bytes + 8, 4);
	ck_assert_uint_le(length, left - RECORD_HEADER_BYTES);
	crc = crc32c(crc32c(0, bytes, 12), bytes + 16, RECORD_HEADER_BYTES - 16 + length);
	ck_assert_uint_eq(le(bytes + 12, 4), crc);
	sequence = le(bytes + 16, 8);
	block = holter__record__block__unpack(NULL, length, bytes + RECORD_HEADER_BYTES);
	ck_assert_ptr_nonnull(block);
	ck_assert_uint_eq(block->recording_id, FIXTURE_RECORDING_ID);

	if (facts->blocks++ == 0)
		facts->first_sequence = sequence;
	else
		ck_assert_uint_eq(sequence, facts->last_sequence + 1);
	facts->last_sequence = sequence;
	if (block->chunk != facts->last_chunk) {
		ck_assert_uint_gt(block->chunk, facts->last_chunk);
		ck_assert_ptr_nonnull(block->head);
		facts->chunks++;
		facts->last_chunk = block->chunk;
	} else {
		ck_assert_ptr_null(block->head);
	}
	check_declarations(block, facts);
	check_events(block, facts);
	holter__record__block__free_unpacked(block, NULL);
	return RECORD_HEADER_BYTES + length;
}

void record_check(const char *path, struct record_facts *ret)
{
	size_t size, at = 0;
	uint8_t *bytes = fixture_read(path, &size);

	memset(&strings, 0, sizeof(strings));
	memset(&mappings, 0, sizeof(mappings));
	memset(&functions, 0, sizeof(functions));
	memset(&locations, 0, sizeof(locations));
	memset(&stacks, 0, sizeof(stacks));
	memset(&loops, 0, sizeof(loops));
	memset(&pools, 0, sizeof(pools));
	*ret = (struct record_facts){0};
	while (at < size)
		at += check_block(bytes + at, size - at, ret);
	free(bytes);
}
