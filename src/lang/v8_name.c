/* SPDX-License-Identifier: Apache-2.0 */
#include "v8_name.h"

#include <errno.h>
#include <string.h>

#include "v8_string.h"

/* V8: src/objects/scope-info.tq. */
enum {
	SCOPE_FLAGS = 0, /* index of a word after the map */
	SCOPE_SAVED_CLASS_VARIABLE = 1 << 10,
	SCOPE_FUNCTION_VARIABLE = 3 << 12,
	SCOPE_INFERRED_NAME = 1 << 14,
	SCOPE_LOCALS_INLINE_MAX = 75, /* from so many on, their names are in a hash table */
	SCOPE_LOCALS_MAX = 1 << 20,
	/* V8 13 moved the function's position before the variables, in words 3 and 4. */
	SCOPE_VARIABLES_AFTER_POSITION = 5,
	SCOPE_POSITION_BEFORE = 3,
};

enum { FRAME_TEXT_RESERVE = 32 * V8_NAME_BYTES };

struct entry {
	uint64_t shared;                         /* 0: unused */
	uint64_t name_or_scope, script_or_debug; /* the fields' values when it was read */
	uint64_t script;
	int32_t start;
	uint32_t name; /* offset in the text */
};

struct v8_names {
	uint32_t text_used;
	struct entry entries[V8_NAMES_MAX];
	char text[V8_NAME_TEXT_BYTES]; /* begins with the empty string */
};

struct v8_names *v8_names_new(struct arena *arena)
{
	struct v8_names *names = arena_alloc(arena, sizeof(*names));

	if (names)
		names->text_used = 1;
	return names;
}

void v8_names_begin(struct v8_names *names)
{
	if (names->text_used <= V8_NAME_TEXT_BYTES - FRAME_TEXT_RESERVE)
		return;
	memset(names->entries, 0, sizeof(names->entries));
	names->text_used = 1;
}

static int scope_word(struct v8_heap *heap, uint64_t scope, int32_t index, uint64_t *ret)
{
	return v8_field(heap, scope, 8 + 8 * index, ret);
}

static int scope_smi(struct v8_heap *heap, uint64_t scope, int32_t index, int32_t *ret)
{
	return v8_field_smi(heap, scope, 8 + 8 * index, ret);
}

/* The name at a word of the scope. Returns whether there is one. */
static bool scope_name(struct v8_heap *heap, uint64_t scope, int32_t index, char *name)
{
	uint64_t value;

	return !scope_word(heap, scope, index, &value) &&
	       v8_string_utf8(heap, value, name, V8_NAME_BYTES) > 0;
}

/*
 * A ScopeInfo is an array whose parts are there or not by its flags: flags, parameters, context
 * locals, then for each local its name and its information, the class variable, the function's own
 * name and slot, the inferred name, start and end.
 */
static void read_scope(struct v8_heap *heap, uint64_t scope, char *name, int32_t *ret_start)
{
	const struct v8_layout *layout = heap->layout;
	int32_t locals, index, start, end;
	uint64_t flags;

	if (scope_word(heap, scope, SCOPE_FLAGS, &flags) ||
		scope_smi(heap, scope, layout->scope_context_locals, &locals) || locals < 0 ||
		locals > SCOPE_LOCALS_MAX)
		return;
	/* A small integer, or (V8 13) 32 bits as they are. */
	if (v8_is_smi(flags))
		flags >>= 32;
	index = layout->scope_variables +
		(locals < SCOPE_LOCALS_INLINE_MAX ? 2 * locals : 1 + locals);
	if (flags & SCOPE_SAVED_CLASS_VARIABLE)
		index++;
	if (flags & SCOPE_FUNCTION_VARIABLE) {
		scope_name(heap, scope, index, name);
		index += 2;
	}
	if (flags & SCOPE_INFERRED_NAME) {
		if (!name[0])
			scope_name(heap, scope, index, name);
		index++;
	}
	if (layout->scope_variables == SCOPE_VARIABLES_AFTER_POSITION)
		index = SCOPE_POSITION_BEFORE;
	if (!scope_smi(heap, scope, index, &start) && !scope_smi(heap, scope, index + 1, &end) &&
		start >= 0 && start <= end)
		*ret_start = start;
}

/* The script, directly or through the DebugInfo that a debugger has put in its place. */
static uint64_t find_script(struct v8_heap *heap, uint64_t value)
{
	const struct v8_layout *layout = heap->layout;
	uint64_t script;

	if (v8_is(heap, value, layout->type_script))
		return value;
	if (!v8_is(heap, value, layout->type_debug_info))
		return 0;
	for (int32_t offset = 8; offset <= 40; offset += 8)
		if (!v8_field_of(heap, value, offset, layout->type_script, &script))
			return script;
	return 0;
}

/* Keeps a name. Returns its offset; 0 (the empty string) when the text is full. */
static uint32_t keep(struct v8_names *names, const char *name)
{
	size_t length = strlen(name);
	uint32_t at = names->text_used;

	if (!length || length >= V8_NAME_TEXT_BYTES - at)
		return 0;
	memcpy(names->text + at, name, length + 1);
	names->text_used += (uint32_t)length + 1;
	return at;
}

static void fill(struct v8_names *names, struct v8_heap *heap, struct entry *entry)
{
	char name[V8_NAME_BYTES] = "";

	entry->start = -1;
	if (v8_is(heap, entry->name_or_scope, heap->layout->type_scope_info))
		read_scope(heap, entry->name_or_scope, name, &entry->start);
	else if (v8_string_utf8(heap, entry->name_or_scope, name, sizeof(name)) < 0)
		name[0] = '\0';
	entry->name = keep(names, name);
	entry->script = find_script(heap, entry->script_or_debug);
}

int v8_name_find(
	struct v8_names *names, struct v8_heap *heap, uint64_t shared, struct v8_function *ret)
{
	const struct v8_layout *layout = heap->layout;
	/* Objects are aligned to 8 bytes; multiplying spreads neighbours over the table. */
	size_t slot = (size_t)((shared >> 3) * 0x9e3779b97f4a7c15u >> 54) % V8_NAMES_MAX;
	struct entry *entry = &names->entries[slot];
	uint64_t name, script;

	if (!v8_is(heap, shared, layout->type_shared) ||
		v8_field(heap, shared, layout->shared_name, &name) ||
		v8_field(heap, shared, layout->shared_script, &script))
		return -EINVAL;
	if (entry->shared != shared || entry->name_or_scope != name ||
		entry->script_or_debug != script) {
		*entry = (struct entry){
			.shared = shared,
			.name_or_scope = name,
			.script_or_debug = script,
		};
		fill(names, heap, entry);
		if (!heap->reads_left)
			entry->shared = 0; /* perhaps not all of it was seen */
	}
	*ret = (struct v8_function){
		.name = names->text + entry->name,
		.script = entry->script,
		.start = entry->start,
	};
	return 0;
}
