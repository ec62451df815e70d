/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intern.h - the tables behind the ids of a recording: equal strings, mappings, functions,
 * locations and stacks get one id, and each entry remembers the chunk that declared it last, so
 * that a chunk declares just what it uses.
 *
 * Bounded: a full table refuses. intern_forget empties all of them; the ids that follow are fresh
 * ones, so that no id ever changes its meaning within a recording.
 * Data: src/record/writer.c only. Tier A; storage is the arena's.
 */
#pragma once

#include "arena.h"
#include "event.h"
#include "writer.h"

enum {
	INTERN_STRINGS = 8192,
	INTERN_TEXT_BYTES = 768 << 10,
	INTERN_STRING_MAX = 4096, /* bytes of one string */
	INTERN_MAPPINGS = 1024,
	INTERN_FUNCTIONS = 8192,
	INTERN_LOCATIONS = 16384,
	INTERN_STACKS = 4096,
	INTERN_STACK_ENTRIES = 1 << 17, /* locations of all stacks */
};

/* Open addressing over the entries of one kind. An entry's id is first_id + its index. */
struct intern_table {
	uint32_t *slots;  /* index + 1; 0: free. Twice as many as entries */
	uint32_t *hashes; /* by index */
	uint32_t *chunks; /* by index: the chunk that declared it last; 0: none */
	uint32_t slot_mask, count, capacity, first_id;
};

struct interned_string {
	uint32_t offset, length; /* in text */
};

struct interned_mapping {
	struct record_mapping record; /* path is not kept here */
	uint32_t path;
};

struct interned_function {
	uint32_t name, file; /* string ids */
	uint32_t line, column;
};

struct interned_stack {
	uint32_t offset, count; /* in entries */
};

struct intern {
	struct intern_table string_table, mapping_table, function_table, location_table,
		stack_table;
	struct interned_string *strings;
	struct interned_mapping *mappings;
	struct interned_function *functions;
	struct writer_location *locations;
	struct interned_stack *stacks;
	char *text;
	uint32_t *entries; /* location ids of the stacks */
	uint32_t text_used, entries_used;
};

size_t intern_arena_bytes(void);
/* Returns 0 or -ENOMEM. */
int intern_init(struct intern *intern, struct arena *arena);
/* Empties every table. Ids that were given out stay unused for ever. */
void intern_forget(struct intern *intern);
/* Whether a stack of the greatest length, with all that it refers to, may no longer fit. */
bool intern_is_crowded(const struct intern *intern);

/* Each returns an id, or 0 if the table is full. Ids inside an entry must be of this table set. */
uint32_t intern_string(struct intern *intern, const char *text, size_t length);
uint32_t intern_mapping(struct intern *intern, const struct record_mapping *mapping, uint32_t path);
uint32_t intern_function(struct intern *intern, const struct interned_function *function);
uint32_t intern_location(struct intern *intern, const struct writer_location *location);
uint32_t intern_stack(struct intern *intern, const uint32_t *locations, size_t count);

/* The index of an id in its kind's array, or -1 for an id that is none of the table's. */
int64_t intern_index(const struct intern_table *table, uint32_t id);
