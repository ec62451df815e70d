/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unpack.h - one `Block` message by protobuf-c, into memory that is used again for the next: a
 * block has thousands of small parts, and a hostile one may ask for hundreds of times its size
 * (hazard 47). Tier C.
 */
#pragma once

#include "holter.pb-c.h"

struct unpacker;

/* Returns null if out of memory. */
struct unpacker *unpacker_new(void);
void unpacker_free(struct unpacker *unpacker);
/* Returns null if the bytes are no Block. Borrowed until the next call. */
const Holter__Record__Block *unpack_block(
	struct unpacker *unpacker, const uint8_t *message, size_t length);
