/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer.c - see writer.h. Interning only stores (intern.c). What an event refers to is declared
 * when the event is written, in the chunk that is current then, if that chunk has not declared it
 * yet; so a chunk is begun at no cost, and holds what it needs and no more. A chunk ends after its
 * time, with its file, and with a block that could not be written: what that block declared is
 * missing from then on.
 * Tier A.
 */
#include "writer.h"

#include <errno.h>
#include <string.h>

#include "crc32c.h"
#include "encode.h"
#include "histogram.h"
#include "intern.h"
#include "sink.h"

enum {
	BLOCK_BYTES = 128 << 10,
	BLOCK_TAIL_BYTES = 512, /* kept free for the losses and the time */
	/* Upper bounds of encoded messages. */
	SMALL_BYTES = 256, /* anything but the following */
	STRING_BYTES = INTERN_STRING_MAX + 32,
	STACK_BYTES = RECORD_STACK_MAX * 5 + 32,
	HISTOGRAM_BYTES = HISTOGRAM_BUCKETS * 7 + SMALL_BYTES,
	/* FILE is turned over while a block still fits into half of max_bytes. */
	MAX_BYTES_MIN = 8 * BLOCK_BYTES,
	HEAD_TEXT_BYTES = 8 << 10,
	LOOPS_MAX = 256,
	POOLS_KNOWN = 64,
};

static const uint8_t block_magic[] = {'H', 'L', 'T', 0xB1};

/* The last declaration of a loop, to be repeated in each chunk that refers to it. */
struct known_loop {
	struct record_loop record; /* thread points to name */
	char name[32];
	uint32_t chunk;     /* that declared it last; 0: none */
	uint64_t last_used; /* uses counted by writer.loop_uses; 0: the slot is free */
};

/* A pool that a chunk has declared. */
struct known_pool {
	uint32_t id, chunk;
};

struct loss {
	uint64_t count; /* since the recording began */
	uint32_t error; /* errno of the last one */
};

struct writer {
	struct writer_config config; /* path is the sink's */
	struct record_head head;     /* its strings are in head_text */
	char head_text[HEAD_TEXT_BYTES];
	struct sink sink;
	struct intern intern;

	struct encoder block;
	uint32_t block_messages; /* besides head, losses and time */
	bool block_open, block_has_head;
	uint64_t sequence; /* of the next block */

	uint32_t chunk; /* from 1 */
	uint64_t chunk_begin_ns;
	bool head_due; /* the next block begins the chunk */

	struct loss losses[LOSS_KINDS];
	bool losses_due; /* changed since they were written last */

	uint32_t stack[RECORD_STACK_MAX]; /* the one between writer_stack_begin and _end */
	uint32_t stack_count;
	struct known_loop loops[LOOPS_MAX];
	uint64_t loop_uses;
	struct known_pool pools[POOLS_KNOWN]; /* by id; one that was displaced is declared again */
	uint8_t block_bytes[BLOCK_BYTES];
};

/* Chunks and blocks. */

static void chunk_begin(struct writer *writer)
{
	writer->chunk++;
	writer->chunk_begin_ns = writer->config.now_ns();
	writer->head_due = true;
}

static void block_begin(struct writer *writer)
{
	struct encoder *block = &writer->block;

	*block = (struct encoder){.bytes = writer->block_bytes,
		.used = RECORD_HEADER_BYTES,
		.size = sizeof(writer->block_bytes) - BLOCK_TAIL_BYTES};
	encode_block_begin(block, writer->config.recording_id, writer->chunk);
	writer->block_has_head = writer->head_due;
	if (writer->head_due)
		encode_head(block, &writer->head);
	writer->block_messages = 0;
	writer->block_open = true;
}

static void put_le(uint8_t *bytes, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
}

/* The tail of the message and the header. holter.proto says the layout. */
static void block_seal(struct writer *writer)
{
	struct encoder *block = &writer->block;
	uint8_t *header = block->bytes;
	uint32_t crc;

	block->size = sizeof(writer->block_bytes);
	if (writer->losses_due || writer->block_has_head) {
		for (int kind = 0; kind < LOSS_KINDS; kind++) {
			const struct loss *loss = &writer->losses[kind];

			if (loss->count > 0)
				encode_loss(block, kind, loss->count, loss->error);
		}
	}
	encode_block_time(block, writer->config.now_ns());

	memcpy(header, block_magic, sizeof(block_magic));
	put_le(header + 4, RECORD_FORMAT_VERSION, 2);
	put_le(header + 6, 0, 2);
	put_le(header + 8, block->used - RECORD_HEADER_BYTES, 4);
	put_le(header + 16, writer->sequence, 8);
	crc = crc32c(0, header, 12);
	crc = crc32c(crc, header + 16, block->used - 16);
	put_le(header + 12, crc, 4);
}

/*
 * Turns the file over while the next block would still fit, so that a file begins with a chunk.
 * Where FILE cannot be renamed (a directory that a process may no longer write to), FILE takes the
 * whole budget and then starts again.
 */
static void file_turn_over(struct writer *writer)
{
	uint64_t limit = sink_size_limit(), half = limit, whole = limit, lost = 0;
	uint64_t next = writer->sink.size + BLOCK_BYTES;
	int error;

	if (writer->config.max_bytes > 0) {
		if (writer->config.max_bytes / 2 < half)
			half = writer->config.max_bytes / 2;
		if (writer->config.max_bytes < whole)
			whole = writer->config.max_bytes;
	}
	if (writer->sink.size == 0 || (next <= half && !writer->sink.torn))
		return;
	error = sink_rotate(&writer->sink, &lost);
	if (error < 0) {
		writer_lost(writer, LOSS_BLOCK_ROTATED, lost, 0);
		if (next <= whole)
			return;
		error = sink_restart(&writer->sink, &lost);
	}
	if (error < 0)
		return;
	writer_lost(writer, LOSS_BLOCK_ROTATED, lost, 0);
	chunk_begin(writer);
}

/* Writes the block in progress if that is worth it. A new one begins with the next event. */
static int block_end(struct writer *writer)
{
	int error;

	if (!writer->block_open)
		block_begin(writer);
	/* The first one says who is recorded, and that nothing has happened to it. */
	if (writer->block_messages == 0 && !writer->losses_due && writer->sequence > 1)
		return 0;
	block_seal(writer);
	writer->block_open = false;
	error = sink_append(&writer->sink, writer->block.bytes, writer->block.used);
	if (error == 0) {
		writer->sequence++;
		writer->head_due = false;
		writer->losses_due = false;
		file_turn_over(writer);
		return 0;
	}
	if (writer->block_messages > 0) {
		writer_lost(writer, LOSS_BLOCK_WRITE, 1, -error);
		chunk_begin(writer);
	}
	if (writer->sink.torn || error == -EFBIG)
		file_turn_over(writer);
	return error;
}

static void chunk_end(struct writer *writer)
{
	block_end(writer);
	writer->block_open = false; /* a block without a message is dropped with its chunk number */
	chunk_begin(writer);
}

static void chunk_end_if_old(struct writer *writer)
{
	if (writer->config.now_ns() - writer->chunk_begin_ns >= writer->config.chunk_ns)
		chunk_end(writer);
}

/* Makes room for one message of at most `bytes`, which the caller then writes. May begin a new
 * block, and so a new chunk. */
static struct encoder *reserve(struct writer *writer, size_t bytes)
{
	if (writer->block_open && writer->block.size - writer->block.used < bytes)
		block_end(writer);
	if (!writer->block_open)
		block_begin(writer);
	writer->block_messages++;
	return &writer->block;
}

/*
 * Declarations: each is written once a chunk, after those it refers to. Writing one may end a block
 * and so, on a bad day, the chunk; room_for_event sees that and starts over.
 */

/* The index of an entry that the current chunk has not declared, or -1. */
static int64_t undeclared(
	const struct writer *writer, const struct intern_table *table, uint32_t id)
{
	int64_t index = intern_index(table, id);

	return index >= 0 && table->chunks[index] != writer->chunk ? index : -1;
}

static void declare_string(struct writer *writer, uint32_t id)
{
	struct intern *intern = &writer->intern;
	int64_t index = undeclared(writer, &intern->string_table, id);
	const struct interned_string *string;

	if (index < 0)
		return;
	string = &intern->strings[index];
	encode_string(
		reserve(writer, STRING_BYTES), id, intern->text + string->offset, string->length);
	intern->string_table.chunks[index] = writer->chunk;
}

static void declare_mapping(struct writer *writer, uint32_t id)
{
	struct intern *intern = &writer->intern;
	int64_t index = undeclared(writer, &intern->mapping_table, id);
	const struct interned_mapping *mapping;

	if (index < 0)
		return;
	mapping = &intern->mappings[index];
	declare_string(writer, mapping->path);
	encode_mapping(reserve(writer, SMALL_BYTES), id, &mapping->record, mapping->path);
	intern->mapping_table.chunks[index] = writer->chunk;
}

static void declare_function(struct writer *writer, uint32_t id)
{
	struct intern *intern = &writer->intern;
	int64_t index = undeclared(writer, &intern->function_table, id);
	const struct interned_function *function;

	if (index < 0)
		return;
	function = &intern->functions[index];
	declare_string(writer, function->name);
	declare_string(writer, function->file);
	encode_function(reserve(writer, SMALL_BYTES), id, function);
	intern->function_table.chunks[index] = writer->chunk;
}

static void declare_location(struct writer *writer, uint32_t id)
{
	struct intern *intern = &writer->intern;
	int64_t index = undeclared(writer, &intern->location_table, id);
	const struct writer_location *location;

	if (index < 0)
		return;
	location = &intern->locations[index];
	declare_mapping(writer, location->mapping);
	declare_function(writer, location->function);
	encode_location(reserve(writer, SMALL_BYTES), id, location);
	intern->location_table.chunks[index] = writer->chunk;
}

static void declare_stack(struct writer *writer, uint32_t id)
{
	struct intern *intern = &writer->intern;
	int64_t index = undeclared(writer, &intern->stack_table, id);
	const struct interned_stack *stack;
	const uint32_t *locations;

	if (index < 0)
		return;
	stack = &intern->stacks[index];
	locations = intern->entries + stack->offset;
	for (uint32_t i = 0; i < stack->count; i++)
		declare_location(writer, locations[i]);
	encode_stack(reserve(writer, STACK_BYTES), id, locations, stack->count);
	intern->stack_table.chunks[index] = writer->chunk;
}

static struct known_loop *known_loop(struct writer *writer, uint32_t id)
{
	for (size_t i = 0; i < LOOPS_MAX; i++) {
		struct known_loop *loop = &writer->loops[i];

		if (loop->last_used != 0 && loop->record.id == id) {
			loop->last_used = ++writer->loop_uses;
			return loop;
		}
	}
	return NULL;
}

static void declare_loop(struct writer *writer, uint32_t id)
{
	struct known_loop *loop = known_loop(writer, id);
	uint32_t thread;

	if (!loop || loop->chunk == writer->chunk)
		return;
	thread = intern_string(&writer->intern, loop->name, strlen(loop->name));
	declare_string(writer, thread);
	encode_loop(reserve(writer, SMALL_BYTES), &loop->record, thread);
	loop->chunk = writer->chunk;
}

/*
 * Declares what an event refers to (ids; 0: nothing) and makes room for the event, all in one
 * chunk. Returns null if chunk after chunk broke off: the event is then lost, and counted.
 */
static struct encoder *room_for_event(
	struct writer *writer, uint32_t loop, uint32_t stack, uint32_t string, size_t bytes)
{
	chunk_end_if_old(writer);
	for (int attempt = 0; attempt < 2; attempt++) {
		uint32_t chunk = writer->chunk;

		declare_loop(writer, loop);
		declare_stack(writer, stack);
		declare_string(writer, string);
		reserve(writer, bytes);
		if (writer->chunk == chunk)
			return &writer->block;
	}
	writer_lost(writer, LOSS_EVENT, 1, 0);
	return NULL;
}

/* Interning. */

/* Where to cut a text so that no UTF-8 sequence is split. */
static size_t cut_text(const char *text, size_t length)
{
	while (length > 0 && ((uint8_t)text[length] & 0xC0) == 0x80)
		length--;
	return length;
}

static uint32_t count_refusal(struct writer *writer, uint32_t id)
{
	if (id == 0)
		writer_lost(writer, LOSS_INTERN, 1, 0);
	return id;
}

uint32_t writer_string(struct writer *writer, const char *text, size_t length)
{
	if (length == 0)
		return 0;
	if (length > INTERN_STRING_MAX) {
		length = cut_text(text, INTERN_STRING_MAX);
		writer_lost(writer, LOSS_INTERN, 1, 0);
	}
	return count_refusal(writer, intern_string(&writer->intern, text, length));
}

static uint32_t string_of(struct writer *writer, const char *text)
{
	return text ? writer_string(writer, text, strlen(text)) : 0;
}

uint32_t writer_mapping(struct writer *writer, const struct record_mapping *mapping)
{
	uint32_t path = string_of(writer, mapping->path);

	return count_refusal(writer, intern_mapping(&writer->intern, mapping, path));
}

uint32_t writer_function(struct writer *writer, const struct record_function *function)
{
	struct interned_function interned = {
		.name = string_of(writer, function->name),
		.file = string_of(writer, function->file),
		.line = function->line,
		.column = function->column,
	};

	return count_refusal(writer, intern_function(&writer->intern, &interned));
}

void writer_stack_begin(struct writer *writer)
{
	if (intern_is_crowded(&writer->intern))
		intern_forget(&writer->intern);
	writer->stack_count = 0;
}

void writer_stack_add(struct writer *writer, const struct writer_location *location)
{
	uint32_t id;

	if (writer->stack_count == RECORD_STACK_MAX)
		return;
	id = count_refusal(writer, intern_location(&writer->intern, location));
	if (id != 0)
		writer->stack[writer->stack_count++] = id;
}

uint32_t writer_stack_end(struct writer *writer)
{
	if (writer->stack_count == 0)
		return 0;
	return count_refusal(
		writer, intern_stack(&writer->intern, writer->stack, writer->stack_count));
}

/* Events. */

/* The slot for a loop that is not known yet: a free one, or that of the loop unused for longest. */
static struct known_loop *loop_slot(struct writer *writer)
{
	struct known_loop *oldest = &writer->loops[0];

	for (size_t i = 1; i < LOOPS_MAX; i++) {
		if (writer->loops[i].last_used < oldest->last_used)
			oldest = &writer->loops[i];
	}
	return oldest;
}

void writer_loop(struct writer *writer, const struct record_loop *loop)
{
	struct known_loop *known = known_loop(writer, loop->id);
	const char *thread = loop->thread ? loop->thread : "";
	size_t length = strlen(thread);

	if (!known)
		known = loop_slot(writer);
	if (length >= sizeof(known->name))
		length = cut_text(thread, sizeof(known->name) - 1);
	*known = (struct known_loop){.record = *loop, .last_used = ++writer->loop_uses};
	memcpy(known->name, thread, length);
	known->record.thread = known->name;
	chunk_end_if_old(writer);
	declare_loop(writer, loop->id);
}

void writer_turns(struct writer *writer, const struct record_turns *turns, const uint32_t *buckets)
{
	size_t bytes = buckets ? HISTOGRAM_BYTES : SMALL_BYTES;
	struct encoder *block = room_for_event(writer, turns->loop, 0, 0, bytes);

	if (block)
		encode_turns(block, turns, buckets);
}

void writer_stall(struct writer *writer, const struct record_stall *stall)
{
	struct encoder *block = room_for_event(writer, stall->loop, 0, stall->holder, SMALL_BYTES);

	if (block)
		encode_stall(block, stall);
}

void writer_sample(struct writer *writer, const struct record_sample *sample)
{
	struct encoder *block =
		room_for_event(writer, sample->loop, sample->stack, sample->on, SMALL_BYTES);

	if (block)
		encode_sample(block, sample);
}

void writer_lost(struct writer *writer, enum loss_kind kind, uint64_t count, int error)
{
	struct loss *loss = &writer->losses[kind];

	if (count == 0)
		return;
	loss->count += count;
	if (error != 0)
		loss->error = (uint32_t)error;
	writer->losses_due = true;
}

void writer_pool_state(struct writer *writer, const struct record_pool *pool,
	const struct record_pool_state *state)
{
	struct known_pool *known = &writer->pools[pool->id % POOLS_KNOWN];
	uint32_t name = string_of(writer, pool->name);
	struct encoder *block = room_for_event(writer, 0, 0, name, 2 * SMALL_BYTES);

	if (!block)
		return;
	if (known->id != pool->id || known->chunk != writer->chunk) {
		encode_pool(block, pool, name);
		*known = (struct known_pool){.id = pool->id, .chunk = writer->chunk};
	}
	encode_pool_state(block, state);
}

void writer_named(struct writer *writer, uint32_t stack)
{
	struct encoder *block = room_for_event(writer, 0, stack, 0, SMALL_BYTES);

	if (block)
		encode_named(block, stack);
}

void writer_resting(struct writer *writer, uint32_t loop, uint32_t stack)
{
	struct encoder *block = room_for_event(writer, loop, stack, 0, SMALL_BYTES);

	if (block)
		encode_resting(block, loop, stack);
}

void writer_note(struct writer *writer, enum note_kind kind, const char *text)
{
	uint32_t string = string_of(writer, text);
	struct encoder *block = room_for_event(writer, 0, 0, string, SMALL_BYTES);

	if (block)
		encode_note(block, kind, string, writer->config.now_ns());
}

int writer_flush(struct writer *writer)
{
	return block_end(writer);
}

/* Opening and closing. */

/* Copies one text of the head into head_text from *used on. What does not fit is cut. */
static const char *keep_text(struct writer *writer, size_t *used, const char *text)
{
	size_t length = text ? strlen(text) : 0, room = HEAD_TEXT_BYTES - *used - 1;
	char *kept = writer->head_text + *used;

	if (length > INTERN_STRING_MAX)
		length = cut_text(text, INTERN_STRING_MAX);
	if (length > room)
		length = cut_text(text, room);
	if (length > 0)
		memcpy(kept, text, length);
	kept[length] = '\0';
	/* The last byte of head_text ends whatever comes when the room is used up. */
	*used += length < room ? length + 1 : length;
	return kept;
}

static void keep_head(struct writer *writer, const struct record_head *head)
{
	struct record_head *kept = &writer->head;
	size_t used = 0;

	*kept = *head;
	kept->holter_version = keep_text(writer, &used, head->holter_version);
	kept->runtime = keep_text(writer, &used, head->runtime);
	kept->host = keep_text(writer, &used, head->host);
	kept->kernel = keep_text(writer, &used, head->kernel);
	kept->unwinder = keep_text(writer, &used, head->unwinder);
	kept->program = keep_text(writer, &used, head->program);
}

size_t writer_arena_bytes(void)
{
	static const size_t alignment = 16;

	return sizeof(struct writer) + alignment + intern_arena_bytes();
}

int writer_open(struct writer **ret, struct arena *arena, const struct writer_config *config,
	const struct record_head *head)
{
	struct writer *writer = arena_alloc(arena, sizeof(*writer));
	int error;

	if (!writer)
		return -ENOMEM;
	writer->config = *config;
	writer->config.path = NULL;
	if (config->max_bytes > 0 && config->max_bytes < MAX_BYTES_MIN)
		writer->config.max_bytes = MAX_BYTES_MIN;
	writer->sequence = 1;
	keep_head(writer, head);
	error = intern_init(&writer->intern, arena);
	if (error == 0)
		error = sink_open(&writer->sink, config->path);
	if (error < 0)
		return error;
	chunk_begin(writer);
	*ret = writer;
	return 0;
}

void writer_set_head(struct writer *writer, const struct record_head *head)
{
	chunk_end(writer);
	keep_head(writer, head);
}

void writer_end(struct writer *writer)
{
	struct encoder *block = room_for_event(writer, 0, 0, 0, SMALL_BYTES);

	if (block)
		encode_end(block, writer->config.now_ns());
}

int writer_close(struct writer *writer, bool goodbye)
{
	int error;

	if (goodbye)
		writer_end(writer);
	error = block_end(writer);
	sink_close(&writer->sink);
	return error;
}

void writer_abandon(struct writer *writer)
{
	sink_close(&writer->sink);
}

int writer_descriptor(const struct writer *writer)
{
	return writer->sink.file.descriptor;
}
