/* SPDX-License-Identifier: Apache-2.0 */
/* unpack.c - see unpack.h. Tier C. */
#include "unpack.h"

#include <stdlib.h>

#include "pool.h"

/* A message of 1 MiB that is all empty submessages takes less than this. */
#define UNPACK_BUDGET ((size_t)256 << 20)

struct unpacker {
	struct pool *pool;
	ProtobufCAllocator allocator;
};

static void *take(void *data, size_t size)
{
	return pool_take(data, size);
}

static void keep(void *data, void *memory)
{
	(void)data;
	(void)memory; /* the next block takes the whole pool again */
}

struct unpacker *unpacker_new(void)
{
	struct unpacker *unpacker = calloc(1, sizeof(*unpacker));

	if (!unpacker)
		return NULL;
	unpacker->pool = pool_new(UNPACK_BUDGET);
	unpacker->allocator =
		(ProtobufCAllocator){.alloc = take, .free = keep, .allocator_data = unpacker->pool};
	if (!unpacker->pool) {
		unpacker_free(unpacker);
		return NULL;
	}
	return unpacker;
}

void unpacker_free(struct unpacker *unpacker)
{
	if (!unpacker)
		return;
	pool_free(unpacker->pool);
	free(unpacker);
}

const Holter__Record__Block *unpack_block(
	struct unpacker *unpacker, const uint8_t *message, size_t length)
{
	pool_reset(unpacker->pool);
	return holter__record__block__unpack(&unpacker->allocator, length, message);
}
