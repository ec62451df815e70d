/* SPDX-License-Identifier: Apache-2.0 */
/*
 * salvage.h - finds every intact block of a file, whatever lies between them: what is no intact
 * block is skipped up to the next magic. Knows the framing (holter.proto) and nothing of messages.
 *
 * Reads regular files only, never changes them, needs constant memory, passes over holes, and does
 * bounded work on hostile files (hazards 45 to 47).
 * Data: a file -> blocks -> src/record/recording.c and dump.c. Tier C.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct salvage {
	int descriptor;
	uint64_t file_size, device, inode;
	uint64_t window_offset; /* in the file, of window[0] */
	uint8_t *window;
	size_t at, used;   /* in the window: the next byte to look at, the end */
	uint64_t crc_left; /* bytes that may still be spent on blocks that turn out broken */
	/* What was met so far. */
	uint64_t bytes_skipped;
	bool truncated;  /* what follows the last intact block is the beginning of another */
	bool seen_magic; /* something that looks like a block */
};

struct salvaged_block {
	uint64_t offset;  /* in the file */
	uint64_t skipped; /* bytes passed over since the block before */
	uint64_t sequence;
	uint16_t version;
	const uint8_t *message; /* borrowed until the next call */
	size_t length;
};

/* Returns 0, a negative errno, RECORDING_NOT_REGULAR or RECORDING_EMPTY. Close it in any case. */
int salvage_open(struct salvage *salvage, const char *path);
/* Returns 1 and the next intact block (of any version), 0 at the end, or a negative errno. */
int salvage_next(struct salvage *salvage, struct salvaged_block *ret);
/* Goes back to the beginning. */
void salvage_rewind(struct salvage *salvage);
void salvage_close(struct salvage *salvage);
