/* SPDX-License-Identifier: Apache-2.0 */
/* intern.c - see intern.h. Tier A. */
#include "intern.h"

#include <errno.h>
#include <string.h>

enum {
	/* What one stack may bring in at most; mappings and text by a generous guess. */
	ROOM_STRINGS = 2 * RECORD_STACK_MAX,
	ROOM_TEXT_BYTES = 256 << 10,
	ROOM_MAPPINGS = 64,
};

/* A key of any kind, as the comparisons below see it. */
struct key {
	const char *text;
	size_t length;
	const struct record_mapping *mapping;
	uint32_t path;
	const struct interned_function *function;
	const struct writer_location *location;
	const uint32_t *stack;
	size_t stack_count;
};

typedef bool (*same_fn)(const struct intern *intern, uint32_t index, const struct key *key);

/* FNV-1a over 64-bit words with a final mix: short keys, and no one to choose them against us. */
static uint64_t hash_begin(void)
{
	return UINT64_C(0xcbf29ce484222325);
}

static uint64_t hash_word(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x100000001b3);
	return hash ^ hash >> 29;
}

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t length)
{
	const uint8_t *byte = bytes;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ byte[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static uint32_t hash_end(uint64_t hash)
{
	hash *= UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(hash >> 32);
}

/*
 * Returns the index of the key's entry; a new one (*ret_is_new, the caller fills it) is appended.
 * Returns -1 if the table is full, or the ids are used up.
 */
static int64_t find_or_add(struct intern *intern, struct intern_table *table, uint32_t hash,
	same_fn same, const struct key *key, bool may_add, bool *ret_is_new)
{
	uint32_t slot = hash & table->slot_mask, index;

	*ret_is_new = false;
	for (; table->slots[slot] != 0; slot = (slot + 1) & table->slot_mask) {
		index = table->slots[slot] - 1;
		if (table->hashes[index] == hash && same(intern, index, key))
			return index;
	}
	if (!may_add || table->count == table->capacity ||
		table->first_id > UINT32_MAX - table->count)
		return -1;
	index = table->count++;
	table->slots[slot] = index + 1;
	table->hashes[index] = hash;
	table->chunks[index] = 0;
	*ret_is_new = true;
	return index;
}

int64_t intern_index(const struct intern_table *table, uint32_t id)
{
	if (id < table->first_id || id - table->first_id >= table->count)
		return -1;
	return id - table->first_id;
}

static bool same_string(const struct intern *intern, uint32_t index, const struct key *key)
{
	const struct interned_string *string = &intern->strings[index];

	return string->length == key->length &&
	       memcmp(intern->text + string->offset, key->text, key->length) == 0;
}

uint32_t intern_string(struct intern *intern, const char *text, size_t length)
{
	const struct key key = {.text = text, .length = length};
	uint32_t hash = hash_end(hash_bytes(hash_begin(), text, length));
	bool fits = length <= INTERN_TEXT_BYTES - intern->text_used, is_new;
	int64_t index =
		find_or_add(intern, &intern->string_table, hash, same_string, &key, fits, &is_new);

	if (index < 0)
		return 0;
	if (is_new) {
		memcpy(intern->text + intern->text_used, text, length);
		intern->strings[index] = (struct interned_string){
			.offset = intern->text_used, .length = (uint32_t)length};
		intern->text_used += (uint32_t)length;
	}
	return intern->string_table.first_id + (uint32_t)index;
}

static bool same_mapping(const struct intern *intern, uint32_t index, const struct key *key)
{
	const struct interned_mapping *entry = &intern->mappings[index];
	const struct record_mapping *a = &entry->record, *b = key->mapping;

	return a->start == b->start && a->end == b->end && a->offset == b->offset &&
	       a->bias == b->bias && entry->path == key->path &&
	       a->build_id_length == b->build_id_length &&
	       memcmp(a->build_id, b->build_id, b->build_id_length) == 0;
}

uint32_t intern_mapping(struct intern *intern, const struct record_mapping *mapping, uint32_t path)
{
	const struct key key = {.mapping = mapping, .path = path};
	uint64_t hash = hash_begin();
	int64_t index;
	bool is_new;

	hash = hash_word(hash, mapping->start);
	hash = hash_word(hash, mapping->end);
	hash = hash_word(hash, mapping->offset);
	hash = hash_word(hash, path);
	index = find_or_add(
		intern, &intern->mapping_table, hash_end(hash), same_mapping, &key, true, &is_new);
	if (index < 0)
		return 0;
	if (is_new) {
		intern->mappings[index].record = *mapping;
		intern->mappings[index].record.path = NULL;
		intern->mappings[index].path = path;
	}
	return intern->mapping_table.first_id + (uint32_t)index;
}

static bool same_function(const struct intern *intern, uint32_t index, const struct key *key)
{
	const struct interned_function *entry = &intern->functions[index];

	return entry->name == key->function->name && entry->file == key->function->file &&
	       entry->line == key->function->line && entry->column == key->function->column;
}

uint32_t intern_function(struct intern *intern, const struct interned_function *function)
{
	const struct key key = {.function = function};
	uint64_t hash = hash_begin();
	int64_t index;
	bool is_new;

	hash = hash_word(hash, (uint64_t)function->name << 32 | function->file);
	hash = hash_word(hash, (uint64_t)function->line << 32 | function->column);
	index = find_or_add(intern, &intern->function_table, hash_end(hash), same_function, &key,
		true, &is_new);
	if (index < 0)
		return 0;
	if (is_new)
		intern->functions[index] = *function;
	return intern->function_table.first_id + (uint32_t)index;
}

static bool same_location(const struct intern *intern, uint32_t index, const struct key *key)
{
	const struct writer_location *a = &intern->locations[index], *b = key->location;

	return a->kind == b->kind && a->doubt == b->doubt && a->address == b->address &&
	       a->mapping == b->mapping && a->function == b->function && a->line == b->line &&
	       a->column == b->column;
}

uint32_t intern_location(struct intern *intern, const struct writer_location *location)
{
	const struct key key = {.location = location};
	uint64_t hash = hash_begin();
	int64_t index;
	bool is_new;

	hash = hash_word(hash, location->address);
	hash = hash_word(hash, (uint64_t)location->kind << 32 | (uint32_t)location->doubt);
	hash = hash_word(hash, (uint64_t)location->mapping << 32 | location->function);
	hash = hash_word(hash, (uint64_t)location->line << 32 | location->column);
	index = find_or_add(intern, &intern->location_table, hash_end(hash), same_location, &key,
		true, &is_new);
	if (index < 0)
		return 0;
	if (is_new)
		intern->locations[index] = *location;
	return intern->location_table.first_id + (uint32_t)index;
}

static bool same_stack(const struct intern *intern, uint32_t index, const struct key *key)
{
	const struct interned_stack *stack = &intern->stacks[index];

	return stack->count == key->stack_count &&
	       memcmp(intern->entries + stack->offset, key->stack,
		       stack->count * sizeof(uint32_t)) == 0;
}

uint32_t intern_stack(struct intern *intern, const uint32_t *locations, size_t count)
{
	const struct key key = {.stack = locations, .stack_count = count};
	bool fits = count <= INTERN_STACK_ENTRIES - intern->entries_used, is_new;
	uint64_t hash = hash_begin();
	int64_t index;

	for (size_t i = 0; i < count; i++)
		hash = hash_word(hash, locations[i]);
	index = find_or_add(
		intern, &intern->stack_table, hash_end(hash), same_stack, &key, fits, &is_new);
	if (index < 0)
		return 0;
	if (is_new) {
		memcpy(intern->entries + intern->entries_used, locations, count * sizeof(uint32_t));
		intern->stacks[index] = (struct interned_stack){
			.offset = intern->entries_used, .count = (uint32_t)count};
		intern->entries_used += (uint32_t)count;
	}
	return intern->stack_table.first_id + (uint32_t)index;
}

static bool table_has_room(const struct intern_table *table, uint32_t entries)
{
	return table->capacity - table->count >= entries;
}

bool intern_is_crowded(const struct intern *intern)
{
	return !table_has_room(&intern->string_table, ROOM_STRINGS) ||
	       !table_has_room(&intern->mapping_table, ROOM_MAPPINGS) ||
	       !table_has_room(&intern->function_table, RECORD_STACK_MAX) ||
	       !table_has_room(&intern->location_table, RECORD_STACK_MAX) ||
	       !table_has_room(&intern->stack_table, 1) ||
	       INTERN_TEXT_BYTES - intern->text_used < ROOM_TEXT_BYTES ||
	       INTERN_STACK_ENTRIES - intern->entries_used < RECORD_STACK_MAX;
}

static void table_forget(struct intern_table *table)
{
	memset(table->slots, 0, ((size_t)table->slot_mask + 1) * sizeof(*table->slots));
	table->first_id += table->count;
	table->count = 0;
}

void intern_forget(struct intern *intern)
{
	table_forget(&intern->string_table);
	table_forget(&intern->mapping_table);
	table_forget(&intern->function_table);
	table_forget(&intern->location_table);
	table_forget(&intern->stack_table);
	intern->text_used = 0;
	intern->entries_used = 0;
}

/* Capacities are powers of two, so that twice as many slots can be masked. */
static size_t table_bytes(uint32_t capacity)
{
	return (size_t)capacity * 4 * sizeof(uint32_t);
}

static int table_init(struct intern_table *table, struct arena *arena, uint32_t capacity)
{
	uint32_t *words = arena_alloc(arena, table_bytes(capacity));

	if (!words)
		return -ENOMEM;
	*table = (struct intern_table){
		.slots = words,
		.hashes = words + 2 * (size_t)capacity,
		.chunks = words + 3 * (size_t)capacity,
		.slot_mask = 2 * capacity - 1,
		.capacity = capacity,
		.first_id = 1,
	};
	return 0;
}

size_t intern_arena_bytes(void)
{
	static const size_t allocations = 12, alignment = 16;

	return table_bytes(INTERN_STRINGS) + table_bytes(INTERN_MAPPINGS) +
	       table_bytes(INTERN_FUNCTIONS) + table_bytes(INTERN_LOCATIONS) +
	       table_bytes(INTERN_STACKS) + INTERN_STRINGS * sizeof(struct interned_string) +
	       INTERN_MAPPINGS * sizeof(struct interned_mapping) +
	       INTERN_FUNCTIONS * sizeof(struct interned_function) +
	       INTERN_LOCATIONS * sizeof(struct writer_location) +
	       INTERN_STACKS * sizeof(struct interned_stack) + INTERN_TEXT_BYTES +
	       INTERN_STACK_ENTRIES * sizeof(uint32_t) + allocations * alignment;
}

int intern_init(struct intern *intern, struct arena *arena)
{
	*intern = (struct intern){
		.strings = arena_alloc(arena, INTERN_STRINGS * sizeof(*intern->strings)),
		.mappings = arena_alloc(arena, INTERN_MAPPINGS * sizeof(*intern->mappings)),
		.functions = arena_alloc(arena, INTERN_FUNCTIONS * sizeof(*intern->functions)),
		.locations = arena_alloc(arena, INTERN_LOCATIONS * sizeof(*intern->locations)),
		.stacks = arena_alloc(arena, INTERN_STACKS * sizeof(*intern->stacks)),
		.text = arena_alloc(arena, INTERN_TEXT_BYTES),
		.entries = arena_alloc(arena, INTERN_STACK_ENTRIES * sizeof(*intern->entries)),
	};
	if (!intern->strings || !intern->mappings || !intern->functions || !intern->locations ||
		!intern->stacks || !intern->text || !intern->entries ||
		table_init(&intern->string_table, arena, INTERN_STRINGS) ||
		table_init(&intern->mapping_table, arena, INTERN_MAPPINGS) ||
		table_init(&intern->function_table, arena, INTERN_FUNCTIONS) ||
		table_init(&intern->location_table, arena, INTERN_LOCATIONS) ||
		table_init(&intern->stack_table, arena, INTERN_STACKS))
		return -ENOMEM;
	return 0;
}
