/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recording.c - see recording.h. Which files belong together, which blocks count, what is missing
 * between them. salvage.c finds blocks, collect.c takes in what they say, resolve.c joins it up.
 * Tier C.
 */
#include "recording.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "pool.h"
#include "resolve.h"
#include "salvage.h"
#include "unpack.h"

/*
 * What a loaded recording may take, by the bytes of its blocks (hazard 47). Deep stacks unpack to
 * 24 times their bytes, all else to less. A large recording is full of samples, which take five or
 * six times theirs.
 */
#define BUDGET_LEAST        ((size_t)64 << 20)
#define BUDGET_FACTOR       32
#define BUDGET_LARGE        ((size_t)32 << 20)
#define BUDGET_LARGE_FACTOR 8

/* One of the two files of a recording. */
struct input {
	struct salvage salvage;
	int error; /* 0: it has intact blocks, and recording_id is theirs */
	uint64_t recording_id;
};

/* A writer that has something to tell does so once a second at least. */
#define BLOCK_SPAN_NS UINT64_C(1000000000)

struct loader {
	struct recording *recording;
	struct collector collector;
	struct unpacker *unpacker;
	uint64_t recording_id;
	uint64_t first_sequence; /* 0: no block yet */
	uint64_t next_sequence;
	uint64_t first_block_ns, last_block_ns;
	uint64_t missing; /* blocks between the first and the last that was read */
	size_t bytes;     /* of the blocks */
};

/* Why a file has no block to offer. */
static int no_block_reason(const struct salvage *salvage, uint64_t newer_blocks)
{
	if (newer_blocks > 0)
		return RECORDING_NEWER;
	return salvage->seen_magic ? RECORDING_NO_BLOCK : RECORDING_NOT_ONE;
}

/* Opens a file and looks into its first intact block to see which recording it belongs to. */
static void input_open(struct input *input, const char *path, struct unpacker *unpacker)
{
	uint64_t newer_blocks = 0;
	struct salvaged_block block;
	int found;

	input->error = salvage_open(&input->salvage, path);
	if (input->error < 0)
		return;
	while ((found = salvage_next(&input->salvage, &block)) > 0) {
		const Holter__Record__Block *message;

		if (block.version != RECORD_FORMAT_VERSION) {
			newer_blocks++;
			continue;
		}
		message = unpack_block(unpacker, block.message, block.length);
		if (!message)
			continue;
		input->recording_id = message->recording_id;
		break;
	}
	if (found < 0)
		input->error = found;
	else if (found == 0)
		input->error = no_block_reason(&input->salvage, newer_blocks);
	salvage_rewind(&input->salvage);
}

static uint64_t add_saturated(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Nobody watched between two blocks of which others are missing: torn, or never written. */
static void account_gap(struct loader *loader, uint64_t time_ns)
{
	struct recording *recording = loader->recording;
	uint64_t missing =
		add_saturated(recording->blocks_lost, loader->collector.lost[LOSS_BLOCK_WRITE]);
	uint64_t blocks = missing - loader->missing, gap_ns = 0;

	loader->missing = missing;
	if (time_ns > loader->last_block_ns)
		gap_ns = time_ns - loader->last_block_ns;
	if (blocks < gap_ns / BLOCK_SPAN_NS)
		gap_ns = blocks * BLOCK_SPAN_NS;
	if (blocks > 0)
		recording->missing_ns = add_saturated(recording->missing_ns, gap_ns);
	loader->last_block_ns = time_ns;
}

/* Takes one intact block in. Returns 0 or -ENOMEM. */
static int load_block(struct loader *loader, const struct salvaged_block *block)
{
	struct recording *recording = loader->recording;
	const Holter__Record__Block *message = NULL;
	int error;

	if (block->version == RECORD_FORMAT_VERSION)
		message = unpack_block(loader->unpacker, block->message, block->length);
	/* A block of a newer version, or one that is no message, shows as a gap in the sequence. */
	if (!message)
		return 0;
	if (message->recording_id != loader->recording_id ||
		block->sequence < loader->next_sequence) {
		recording->bytes_skipped += RECORD_HEADER_BYTES + block->length;
		return 0;
	}
	if (loader->first_sequence == 0) {
		loader->first_sequence = block->sequence;
		loader->first_block_ns = loader->last_block_ns = message->time_ns;
	} else {
		recording->blocks_lost = add_saturated(
			recording->blocks_lost, block->sequence - loader->next_sequence);
	}
	loader->next_sequence = add_saturated(block->sequence, 1);
	recording->blocks_read++;
	pool_add_budget(recording->pool,
		block->length *
			(loader->bytes < BUDGET_LARGE ? BUDGET_FACTOR : BUDGET_LARGE_FACTOR));
	loader->bytes += block->length;
	error = collect_block(&loader->collector, message);
	account_gap(loader, message->time_ns);
	return error;
}

static int load_file(struct loader *loader, struct salvage *salvage)
{
	struct recording *recording = loader->recording;
	struct salvaged_block block;
	int found, error = 0;

	while (error == 0 && (found = salvage_next(salvage, &block)) != 0)
		error = found < 0 ? found : load_block(loader, &block);
	recording->bytes_skipped += salvage->bytes_skipped;
	recording->truncated = salvage->truncated;
	return error;
}

/* What is missing before the first block and after the last, and when it all began. */
static void load_end(struct loader *loader)
{
	struct recording *recording = loader->recording;
	struct collector *collector = &loader->collector;
	uint64_t before = loader->first_sequence - 1; /* a block was read: it is no 0 */
	uint64_t rotated = collector->lost[LOSS_BLOCK_ROTATED];
	uint64_t begin_ns = loader->first_block_ns;

	/* Blocks that the size limit removed are counted there, and are no damage. */
	if (before > rotated)
		recording->blocks_lost = add_saturated(recording->blocks_lost, before - rotated);
	if (recording->truncated)
		recording->blocks_lost = add_saturated(recording->blocks_lost, 1);

	if (before == 0 && collector->has_head && collector->head.start_ns < begin_ns)
		begin_ns = collector->head.start_ns;
	if (begin_ns < collector->first_ns)
		collector->first_ns = begin_ns;
}

static int load_inputs(struct recording *recording, struct input *older, struct input *newer,
	struct unpacker *unpacker)
{
	struct loader loader = {
		.recording = recording,
		.unpacker = unpacker,
		.recording_id = newer->error == 0 ? newer->recording_id : older->recording_id,
		.next_sequence = 1,
	};
	int error = 0;

	recording->recording_id = loader.recording_id;
	pool_set_budget(recording->pool, BUDGET_LEAST);
	collector_init(&loader.collector, recording->pool);
	if (older->error == 0 && older->recording_id == loader.recording_id)
		error = load_file(&loader, &older->salvage);
	if (error == 0 && (newer->error == 0 || newer->error == RECORDING_NO_BLOCK))
		error = load_file(&loader, &newer->salvage);
	/* Blocks count from 1, and one that claims to be number 0 is none. */
	if (error == 0 && recording->blocks_read == 0)
		error = RECORDING_NO_BLOCK;
	if (error == 0) {
		load_end(&loader);
		error = resolve(recording, &loader.collector);
	}
	return error == -ENOMEM ? RECORDING_TOO_LARGE : error;
}

static bool is_same_file(const struct salvage *a, const struct salvage *b)
{
	return a->device == b->device && a->inode == b->inode;
}

/* Opens PATH and PATH.1. The writer may turn them over at the same time. */
static void open_inputs(
	struct input *older, struct input *newer, const char *path, struct unpacker *unpacker)
{
	char *older_path;

	input_open(newer, path, unpacker);
	if (asprintf(&older_path, "%s.1", path) < 0) {
		*older = (struct input){.salvage.descriptor = -1, .error = -ENOMEM};
		return;
	}
	input_open(older, older_path, unpacker);
	free(older_path);
	if (newer->salvage.descriptor >= 0 && older->salvage.descriptor >= 0 &&
		is_same_file(&newer->salvage, &older->salvage)) {
		salvage_close(&newer->salvage);
		input_open(newer, path, unpacker);
	}
}

int recording_load(struct recording **ret, const char *path)
{
	struct recording *recording = calloc(1, sizeof(*recording));
	struct unpacker *unpacker = unpacker_new();
	struct input older = {.salvage.descriptor = -1}, newer = {.salvage.descriptor = -1};
	int error = -ENOMEM;

	if (recording)
		recording->pool = pool_new(BUDGET_LEAST);
	if (recording && recording->pool && unpacker) {
		open_inputs(&older, &newer, path, unpacker);
		error = newer.error;
		/* A file that was just turned over may have nothing in it yet. */
		if (older.error == 0 && (error == RECORDING_EMPTY || error == RECORDING_NO_BLOCK))
			error = 0;
		if (error == 0)
			error = load_inputs(recording, &older, &newer, unpacker);
	}
	salvage_close(&older.salvage);
	salvage_close(&newer.salvage);
	unpacker_free(unpacker);
	if (error < 0) {
		recording_free(recording);
		return error;
	}
	/* The tool's own use of it (names, merged stacks) is no longer a file's to decide. */
	pool_set_budget(recording->pool, SIZE_MAX);
	*ret = recording;
	return 0;
}

void recording_free(struct recording *recording)
{
	if (!recording)
		return;
	pool_free(recording->pool);
	free(recording);
}

void *recording_alloc(struct recording *recording, size_t size)
{
	void *memory = pool_take(recording->pool, size);

	if (!memory) {
		fputs("holter: out of memory\n", stderr);
		abort();
	}
	return memory;
}

char *recording_text(struct recording *recording, const char *text, size_t length)
{
	char *copy = recording_alloc(recording, length + 1);

	if (length > 0)
		memcpy(copy, text, length);
	return copy;
}

const char *recording_complaint(int error)
{
	switch (error) {
	case RECORDING_NOT_ONE:
		return "not a recording; name a file that `holter run` has written";
	case RECORDING_EMPTY:
		return "the file is empty: nothing was recorded yet; the first block is written "
		       "within a second of the recording's start";
	case RECORDING_NEWER:
		return "written by a newer version of Holter; read it with that version";
	case RECORDING_NO_BLOCK:
		return "a recording without one intact block: it was cut or overwritten, and "
		       "nothing can be salvaged";
	case RECORDING_NOT_REGULAR:
		return "not a regular file; name the file that `holter run` has written";
	case RECORDING_TOO_LARGE:
		return "it unpacks to more than a recording of its size can, and was not read; if "
		       "it is genuine, record with a smaller --max-size";
	case -ENOENT:
		return "no such file; recordings are named by `holter run` when it starts";
	case -EISDIR:
		return "a directory; name one of the recordings in it";
	case -EACCES:
		return "permission denied: recordings belong to the user who ran the server; "
		       "read it as that user or as root";
	default:
		return strerror(error < 0 ? -error : error);
	}
}
