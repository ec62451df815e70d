/* SPDX-License-Identifier: Apache-2.0 */
/* salvage.c - see salvage.h. Tier C. */
#include "salvage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crc32c.h"
#include "recording.h"

enum {
	WINDOW_BYTES = 4 << 20, /* several times the largest block, so that refilling is rare */
	MAGIC_BYTES = 4,
};

static const uint8_t block_magic[MAGIC_BYTES] = {'H', 'L', 'T', 0xB1};

static uint64_t get_le(const uint8_t *bytes, size_t size)
{
	uint64_t value = 0;

	for (size_t i = 0; i < size; i++)
		value |= (uint64_t)bytes[i] << (8 * i);
	return value;
}

int salvage_open(struct salvage *salvage, const char *path)
{
	struct stat status;

	/* O_NONBLOCK: a FIFO must not hold us; O_NOCTTY: nor a terminal take us. */
	*salvage = (struct salvage){
		.descriptor = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
	if (salvage->descriptor < 0)
		return errno == ENXIO ? RECORDING_NOT_REGULAR : -errno; /* a socket */
	if (fstat(salvage->descriptor, &status) < 0)
		return -errno;
	if (S_ISDIR(status.st_mode))
		return -EISDIR;
	if (!S_ISREG(status.st_mode))
		return RECORDING_NOT_REGULAR;
	if (status.st_size == 0)
		return RECORDING_EMPTY;
	salvage->file_size = (uint64_t)status.st_size;
	salvage->device = status.st_dev;
	salvage->inode = status.st_ino;
	salvage->window = malloc(WINDOW_BYTES);
	if (!salvage->window)
		return -ENOMEM;
	salvage_rewind(salvage);
	return 0;
}

void salvage_rewind(struct salvage *salvage)
{
	salvage->window_offset = 0;
	salvage->at = salvage->used = 0;
	/* A damaged file wastes a block's length for each broken block, a hostile one much more. */
	salvage->crc_left = (UINT64_C(64) << 20) + 4 * salvage->file_size;
	salvage->bytes_skipped = 0;
	salvage->truncated = false;
	salvage->seen_magic = false;
}

void salvage_close(struct salvage *salvage)
{
	if (salvage->descriptor >= 0)
		close(salvage->descriptor);
	free(salvage->window);
	*salvage = (struct salvage){.descriptor = -1};
}

static void skip(struct salvage *salvage, size_t bytes)
{
	salvage->at += bytes;
	salvage->bytes_skipped += bytes;
}

/* With nothing in the window: passes over a hole of the file, where a sparse one could be huge. */
static void skip_hole(struct salvage *salvage)
{
	off_t data = lseek(salvage->descriptor, (off_t)salvage->window_offset, SEEK_DATA);

	if (data < 0 && errno == ENXIO)
		data = (off_t)salvage->file_size;
	if (data > (off_t)salvage->window_offset) {
		salvage->bytes_skipped += (uint64_t)data - salvage->window_offset;
		salvage->window_offset = (uint64_t)data;
	}
}

/*
 * Sees to it that `bytes` (at most a block's) are in the window. Returns how many are there in
 * fact, less only at the end of the file, or a negative errno.
 */
static int64_t look(struct salvage *salvage, size_t bytes)
{
	if (salvage->used - salvage->at >= bytes)
		return (int64_t)(salvage->used - salvage->at);
	memmove(salvage->window, salvage->window + salvage->at, salvage->used - salvage->at);
	salvage->window_offset += salvage->at;
	salvage->used -= salvage->at;
	salvage->at = 0;
	if (salvage->used == 0)
		skip_hole(salvage);
	while (salvage->used < WINDOW_BYTES) {
		ssize_t got = pread(salvage->descriptor, salvage->window + salvage->used,
			WINDOW_BYTES - salvage->used,
			(off_t)(salvage->window_offset + salvage->used));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		salvage->used += (size_t)got;
	}
	return (int64_t)salvage->used;
}

/*
 * Skips to the next byte after `at` that may begin a block: a whole magic, or the part of one that
 * stands at the window's end.
 */
static void skip_to_magic(struct salvage *salvage)
{
	const uint8_t *from = salvage->window + salvage->at + 1;
	size_t left = salvage->used - salvage->at - 1;
	const uint8_t *magic = memmem(from, left, block_magic, MAGIC_BYTES);
	size_t part = left < MAGIC_BYTES ? left : MAGIC_BYTES - 1;

	if (magic) {
		skip(salvage, (size_t)(magic - from) + 1);
		return;
	}
	while (part > 0 && memcmp(from + left - part, block_magic, part) != 0)
		part--;
	skip(salvage, left - part + 1);
}

static bool crc_is_right(struct salvage *salvage, const uint8_t *block, size_t length)
{
	uint32_t crc = crc32c(0, block, 12);

	crc = crc32c(crc, block + 16, RECORD_HEADER_BYTES - 16 + length);
	if (crc == get_le(block + 12, 4))
		return true;
	salvage->crc_left -= length < salvage->crc_left ? length : salvage->crc_left;
	return false;
}

/* Whether an intact block begins at `at`. Returns 1, 0, or a negative errno. */
static int block_here(struct salvage *salvage, struct salvaged_block *ret)
{
	const uint8_t *block = salvage->window + salvage->at;
	int64_t there;
	size_t length;

	if (memcmp(block, block_magic, MAGIC_BYTES) != 0)
		return 0;
	if (salvage->window_offset + salvage->at == 0)
		salvage->seen_magic = true;
	length = get_le(block + 8, 4);
	if (get_le(block + 6, 2) != 0 || length > RECORD_MESSAGE_MAX)
		return 0;
	salvage->seen_magic = true;
	there = look(salvage, RECORD_HEADER_BYTES + length);
	if (there < 0)
		return (int)there;
	block = salvage->window + salvage->at;
	if ((size_t)there < RECORD_HEADER_BYTES + length) {
		salvage->truncated = true;
		return 0;
	}
	if (!crc_is_right(salvage, block, length))
		return 0;
	ret->offset = salvage->window_offset + salvage->at;
	ret->version = (uint16_t)get_le(block + 4, 2);
	ret->sequence = get_le(block + 16, 8);
	ret->message = block + RECORD_HEADER_BYTES;
	ret->length = length;
	return 1;
}

/* The last bytes, fewer than a header. */
static void skip_tail(struct salvage *salvage)
{
	while (salvage->at < salvage->used) {
		size_t left = salvage->used - salvage->at;
		size_t compared = left < MAGIC_BYTES ? left : MAGIC_BYTES;

		if (memcmp(salvage->window + salvage->at, block_magic, compared) == 0) {
			salvage->truncated = true;
			if (salvage->window_offset + salvage->at == 0 && compared == MAGIC_BYTES)
				salvage->seen_magic = true;
		}
		skip(salvage, 1);
	}
}

int salvage_next(struct salvage *salvage, struct salvaged_block *ret)
{
	uint64_t skipped_before = salvage->bytes_skipped;

	while (salvage->crc_left > 0) {
		int64_t there = look(salvage, RECORD_HEADER_BYTES);
		int found;

		if (there < 0)
			return (int)there;
		if (there < RECORD_HEADER_BYTES) {
			skip_tail(salvage);
			return 0;
		}
		found = block_here(salvage, ret);
		if (found < 0)
			return found;
		if (found) {
			ret->skipped = salvage->bytes_skipped - skipped_before;
			salvage->at += RECORD_HEADER_BYTES + ret->length;
			salvage->truncated = false;
			return 1;
		}
		skip_to_magic(salvage);
	}
	/* Nothing but forged headers: what is left is not worth the time. */
	if (salvage->file_size > salvage->window_offset + salvage->at)
		salvage->bytes_skipped +=
			salvage->file_size - (salvage->window_offset + salvage->at);
	salvage->at = salvage->used;
	return 0;
}
