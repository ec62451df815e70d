/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity.c - numbers the functions of a recording's stacks.
 *
 * Tier C. Data: recording.stacks -> struct identity.
 */
#include "identity.h"

#include <stdlib.h>
#include <string.h>

struct key {
	const char *name, *file, *module;
	uint64_t place; /* line and column of the declaration, or offset in the module */
};

struct table {
	struct key *keys;
	uint32_t *functions; /* FUNCTION_NONE: free slot */
	size_t slots;        /* a power of two, never more than half full */
};

static struct key key_of(const struct frame *frame)
{
	const char *module = frame_module(frame);
	struct key key = {.name = "", .file = "", .module = ""};

	if (frame->function) {
		key.name = frame->function->name;
		key.file = frame->function->file;
		key.place = (uint64_t)frame->function->line << 32 | frame->function->column;
	}
	if (key.file[0] != '\0')
		return key;
	/* Without a file lines say nothing; without a name only the place in the module is
	 * left. */
	key.module = module ? module : "";
	key.place = key.name[0] == '\0' && !frame_is_script(frame) ? frame_offset(frame) : 0;
	if (key.place && frame->start)
		key.place = frame->start;
	return key;
}

static bool same_key(const struct key *a, const struct key *b)
{
	return a->place == b->place && strcmp(a->name, b->name) == 0 &&
	       strcmp(a->file, b->file) == 0 && strcmp(a->module, b->module) == 0;
}

/* FNV-1a, with the terminator as separator. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
	do {
		hash = (hash ^ (uint8_t)*text) * 0x100000001b3;
	} while (*text++ != '\0');
	return hash;
}

static uint64_t hash_mixed(uint64_t value)
{
	value = (value ^ (value >> 32)) * 0x9e3779b97f4a7c15;
	return value ^ (value >> 29);
}

static size_t power_of_two_above(size_t value)
{
	size_t power = 16;

	while (power <= value)
		power *= 2;
	return power;
}

static uint32_t number_of(struct identity *identity, struct table *table, const struct frame *frame,
	struct recording *recording)
{
	struct key key = key_of(frame);
	uint64_t hash = hash_text(0xcbf29ce484222325, key.name);
	struct identity_function *function;
	size_t slot;

	hash = hash_text(hash_text(hash, key.file), key.module) ^ key.place;
	slot = hash_mixed(hash) & (table->slots - 1);
	while (table->functions[slot] != FUNCTION_NONE) {
		if (same_key(&table->keys[slot], &key))
			return table->functions[slot];
		slot = (slot + 1) & (table->slots - 1);
	}
	table->keys[slot] = key;
	table->functions[slot] = identity->function_count;
	function = &identity->functions[identity->function_count];
	function->frame = frame;
	function->frame_class = frame_class(frame, recording);
	function->named = frame_is_named(frame);
	return identity->function_count++;
}

/* Up to Python 3.11 a comprehension is a function of its own, and nobody wrote it (PEP 709). */
static bool is_comprehension(const char *name)
{
	static const char *const names[] = {"<listcomp>", "<setcomp>", "<dictcomp>"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *found = strstr(name, names[i]);

		if (found && strcmp(found, names[i]) == 0)
			return true;
	}
	return false;
}

/* Whether a generator expression, "total.<locals>.<genexpr>", stands in a function, "total". */
static bool is_generator_in(const char *name, const char *function)
{
	static const char generator[] = ".<genexpr>", locals[] = ".<locals>";
	const char *last = strrchr(name, '.');
	size_t length = strlen(function);

	if (!last || strcmp(last, generator) != 0 || strncmp(name, function, length) != 0)
		return false;
	return name + length == last || (strncmp(name + length, locals, strlen(locals)) == 0 &&
						name + length + strlen(locals) == last);
}

/*
 * The caller on the stack that a frame is a part of in the source; 0: none. What consumes a
 * generator expression (sum, any) may be native code between the two; where it is another function
 * of the program's, the expression remains a function of its own.
 */
static size_t function_around(const struct stack *stack, size_t at)
{
	const struct frame *frame = &stack->frames[at], *caller;
	size_t next = at + 1;

	if (frame->kind != FRAME_PYTHON || !frame->function)
		return 0;
	if (is_comprehension(frame->function->name))
		return next < stack->count ? next : 0;
	while (next < stack->count && stack->frames[next].kind == FRAME_NATIVE)
		next++;
	if (next == stack->count)
		return 0;
	caller = &stack->frames[next];
	return caller->kind == FRAME_PYTHON && caller->function &&
			       is_generator_in(frame->function->name, caller->function->name)
		       ? next
		       : 0;
}

static void number_frames(struct stack_view *view, struct identity *identity, struct table *table,
	struct recording *recording)
{
	view->functions = recording_alloc(recording, view->stack->count * sizeof(*view->functions));
	for (size_t i = view->stack->count; i-- > 0;) {
		const struct frame *frame = &view->stack->frames[i];
		size_t around = function_around(view->stack, i);

		if (frame->kind == FRAME_TRUNCATED) {
			view->functions[i] = FUNCTION_NONE;
			view->cut = true;
		} else if (around && view->functions[around] != FUNCTION_NONE) {
			view->functions[i] = view->functions[around];
		} else {
			view->functions[i] = number_of(identity, table, frame, recording);
		}
	}
}

/* How many frames two stacks share, from the outermost on. */
static size_t shared_frames(const struct stack_view *one, const struct stack_view *other)
{
	size_t left = one->stack->count, right = other->stack->count, shared = 0;

	while (left > 0 && right > 0 && one->functions[left - 1] != FUNCTION_NONE &&
		one->functions[left - 1] == other->functions[right - 1]) {
		left--;
		right--;
		shared++;
	}
	return shared;
}

static bool is_library(const struct identity *identity, uint32_t function)
{
	return function == FUNCTION_NONE ||
	       identity->functions[function].frame_class == CLASS_NATIVE_LIBRARY;
}

/* Orders stacks from the outermost function on: those that share most stand side by side. */
static int compare_views(const struct stack_view *one, const struct stack_view *other)
{
	size_t left = one->stack->count, right = other->stack->count;

	while (left > 0 && right > 0) {
		uint32_t a = one->functions[--left], b = other->functions[--right];

		if (a != b)
			return a < b ? -1 : 1;
	}
	return left > 0 ? 1 : -(right > 0);
}

static int by_path(const void *left, const void *right)
{
	const struct stack_view *const *a = left, *const *b = right;

	return compare_views(*a, *b);
}

/* The stacks of all loops in their waits, in order. */
struct waits {
	const struct stack_view **views;
	size_t count;
};

static struct waits collect_waits(const struct identity *identity, struct recording *recording)
{
	struct waits waits = {
		.views = recording_alloc(
			recording, (recording->resting_count + 1) * sizeof(struct stack_view *))};

	for (size_t i = 0; i < recording->resting_count; i++) {
		const struct stack_view *view = identity_view(identity, recording->resting[i]);

		if (view)
			waits.views[waits.count++] = view;
	}
	qsort(waits.views, waits.count, sizeof(struct stack_view *), by_path);
	return waits;
}

/* The most frames that a stack shares with any of them: with one of its two neighbours. */
static size_t shared_with_waits(const struct stack_view *view, const struct waits *waits)
{
	size_t low = 0, high = waits->count, before = 0, behind = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_views(waits->views[middle], view) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low > 0)
		before = shared_frames(view, waits->views[low - 1]);
	if (low < waits->count)
		behind = shared_frames(view, waits->views[low]);
	return before > behind ? before : behind;
}

/* Takes away the frames that run the loop. */
static void part_from_loop(
	struct stack_view *view, const struct identity *identity, const struct waits *waits)
{
	size_t most = shared_with_waits(view, waits), deepest = 0;

	while (deepest < view->stack->count && is_library(identity, view->functions[deepest]))
		deepest++;
	view->own = view->stack->count - most;
	if (view->own <= deepest && deepest < view->stack->count)
		view->own = deepest + 1;
}

static bool path_has(const struct stack_view *view, uint32_t function)
{
	for (size_t i = 0; i < view->path_length; i++) {
		if (view->path[i] == function)
			return true;
	}
	return false;
}

static void build_path(
	struct stack_view *view, const struct identity *identity, struct recording *recording)
{
	enum frame_class first = CLASS_NATIVE_LIBRARY;

	for (size_t i = 0; i < view->own; i++) {
		uint32_t function = view->functions[i];

		if (function != FUNCTION_NONE && identity->functions[function].frame_class < first)
			first = identity->functions[function].frame_class;
	}
	view->path = recording_alloc(recording, view->own * sizeof(*view->path));
	for (size_t i = view->own; i-- > 0;) {
		uint32_t function = view->functions[i];

		if (function != FUNCTION_NONE &&
			identity->functions[function].frame_class == first &&
			!path_has(view, function))
			view->path[view->path_length++] = function;
	}
}

static struct stack_view *view_slot(const struct identity *identity, const struct stack *stack)
{
	size_t slot = hash_mixed((uintptr_t)stack) & (identity->view_slots - 1);

	while (identity->views[slot].stack && identity->views[slot].stack != stack)
		slot = (slot + 1) & (identity->view_slots - 1);
	return &identity->views[slot];
}

void identity_build(struct identity *ret, struct recording *recording)
{
	struct table table;
	struct waits waits;
	size_t frames = 0;

	for (size_t i = 0; i < recording->stack_count; i++)
		frames += recording->stacks[i]->count;
	*ret = (struct identity){.view_slots = power_of_two_above(2 * recording->stack_count)};
	ret->views = recording_alloc(recording, ret->view_slots * sizeof(*ret->views));
	ret->functions = recording_alloc(recording, (frames + 1) * sizeof(*ret->functions));
	table.slots = power_of_two_above(2 * frames);
	table.keys = recording_alloc(recording, table.slots * sizeof(*table.keys));
	table.functions = recording_alloc(recording, table.slots * sizeof(*table.functions));
	memset(table.functions, 0xff, table.slots * sizeof(*table.functions));

	for (size_t i = 0; i < recording->stack_count; i++) {
		const struct stack *stack = recording->stacks[i];
		struct stack_view *view = view_slot(ret, stack);

		if (view->stack || stack->count == 0)
			continue;
		view->stack = stack;
		number_frames(view, ret, &table, recording);
	}
	waits = collect_waits(ret, recording);
	for (size_t i = 0; i < ret->view_slots; i++) {
		if (!ret->views[i].stack)
			continue;
		part_from_loop(&ret->views[i], ret, &waits);
		build_path(&ret->views[i], ret, recording);
	}
}

const struct stack_view *identity_view(const struct identity *identity, const struct stack *stack)
{
	const struct stack_view *view;

	if (!stack)
		return NULL;
	view = view_slot(identity, stack);
	return view->stack ? view : NULL;
}
