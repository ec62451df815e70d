/* SPDX-License-Identifier: Apache-2.0 */
/* resolve.c - see resolve.h. Tier C. */
#include "resolve.h"

#include <errno.h>
#include <stdlib.h>

static const char lost_declaration[] = "its declaration is missing from the recording";

/* Looks up what an id refers to. Returns null for none (0) and, counted, for what was lost. */
static void *refer(struct recording *recording, const struct collection *collection, uint32_t id)
{
	void *item = id != 0 ? collection_find(collection, id) : NULL;

	if (id != 0 && !item)
		recording->unresolved++;
	return item;
}

static const char *text_of(
	struct recording *recording, const struct collector *collector, uint32_t id)
{
	const char **text = refer(recording, &collector->strings, id);

	return text ? *text : "";
}

/* An array of pointers to what the items of a collection stand for; each item begins with it. */
static int pointers_to(
	struct pool *pool, const struct collection *collection, void *ret_array, size_t *ret_count)
{
	const struct vector *items = &collection->items;
	void **pointers = pool_take(pool, items->count * sizeof(*pointers));

	if (!pointers)
		return -ENOMEM;
	for (size_t i = 0; i < items->count; i++)
		pointers[i] = *(void **)((uint8_t *)items->items + i * items->item_size);
	*(void ***)ret_array = pointers;
	*ret_count = items->count;
	return 0;
}

static void resolve_texts(struct recording *recording, struct collector *collector)
{
	struct declared_mapping *mappings = collector->mappings.items.items;
	struct declared_function *functions = collector->functions.items.items;
	struct declared_loop *loops = collector->loops.items.items;
	struct declared_pool *pools = collector->pools.items.items;

	for (size_t i = 0; i < collector->mappings.items.count; i++)
		mappings[i].mapping->record.path = text_of(recording, collector, mappings[i].path);
	for (size_t i = 0; i < collector->functions.items.count; i++) {
		functions[i].function->name = text_of(recording, collector, functions[i].name);
		functions[i].function->file = text_of(recording, collector, functions[i].file);
	}
	for (size_t i = 0; i < collector->loops.items.count; i++)
		loops[i].loop->record.thread = text_of(recording, collector, loops[i].thread);
	for (size_t i = 0; i < collector->pools.items.count; i++)
		pools[i].pool->record.name = text_of(recording, collector, pools[i].name);
}

static void resolve_frame(struct recording *recording, const struct collector *collector,
	struct frame *frame, uint32_t id)
{
	const struct declared_location *location = refer(recording, &collector->locations, id);
	const struct declared_mapping *mapping;
	const struct declared_function *function;

	if (!location) {
		frame->doubt = DOUBT_NO_NAME;
		frame->unresolved = lost_declaration;
		return;
	}
	mapping = refer(recording, &collector->mappings, location->mapping);
	function = refer(recording, &collector->functions, location->function);
	*frame = (struct frame){
		.kind = location->kind,
		.doubt = location->doubt,
		.address = location->address,
		.mapping = mapping ? mapping->mapping : NULL,
		.function = function ? function->function : NULL,
		.line = location->line,
		.column = location->column,
		.inlined = location->address == 0 && location->kind != FRAME_TRUNCATED,
	};
	if ((location->mapping != 0 && !mapping) || (location->function != 0 && !function))
		frame->unresolved = lost_declaration;
}

static int resolve_stacks(struct recording *recording, struct collector *collector)
{
	struct declared_stack *stacks = collector->stacks.items.items;

	for (size_t i = 0; i < collector->stacks.items.count; i++) {
		struct stack *stack = stacks[i].stack;

		stack->frames = pool_take(recording->pool, stack->count * sizeof(*stack->frames));
		if (!stack->frames)
			return -ENOMEM;
		for (size_t j = 0; j < stack->count; j++)
			resolve_frame(
				recording, collector, &stack->frames[j], stacks[i].locations[j]);
	}
	return 0;
}

/* Only those whose last frame can be looked for: native code with a name or a line. */
static bool is_naming(const struct stack *stack)
{
	const struct frame *frame = stack->count ? &stack->frames[stack->count - 1] : NULL;

	return frame && frame->kind == FRAME_NATIVE && frame->address &&
	       (frame->function || frame->line);
}

static int resolve_named(struct recording *recording, const struct collector *collector)
{
	const uint32_t *ids = collector->named.items;
	size_t count = collector->named.count;

	recording->named = pool_take(recording->pool, count * sizeof(struct stack *));
	if (!recording->named)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const struct declared_stack *declared =
			refer(recording, &collector->stacks, ids[i]);

		if (declared && is_naming(declared->stack))
			recording->named[recording->named_count++] = declared->stack;
	}
	return 0;
}

static int resolve_resting(struct recording *recording, const struct collector *collector)
{
	const uint32_t *ids = collector->resting.items;
	size_t count = collector->resting.count;

	recording->resting = pool_take(recording->pool, count * sizeof(struct stack *));
	if (!recording->resting)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const struct declared_stack *declared =
			refer(recording, &collector->stacks, ids[i]);

		if (declared)
			recording->resting[recording->resting_count++] = declared->stack;
	}
	return 0;
}

static int compare_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_samples(const void *a, const void *b)
{
	const struct record_sample *left = &((const struct sample *)a)->record;
	const struct record_sample *right = &((const struct sample *)b)->record;
	int order = compare_u64(left->stall, right->stall);

	return order != 0 ? order : compare_u64(left->time_ns, right->time_ns);
}

static int compare_stalls(const void *a, const void *b)
{
	const struct record_stall *left = &((const struct stall *)a)->record;
	const struct record_stall *right = &((const struct stall *)b)->record;
	int order = compare_u64(left->begin_ns, right->begin_ns);

	return order != 0 ? order : compare_u64(left->id, right->id);
}

/* Recordings are in order as a rule; sorting them would be most of a load's time. */
static void sort_unless_sorted(struct vector *vector, int (*compare)(const void *, const void *))
{
	const uint8_t *item = vector->items;

	for (size_t i = 1; i < vector->count; i++, item += vector->item_size) {
		if (compare(item, item + vector->item_size) > 0) {
			qsort(vector->items, vector->count, vector->item_size, compare);
			return;
		}
	}
}

/* The index of the first sample of a stall, or of where it would stand. */
static size_t first_sample(const struct recording *recording, uint64_t stall)
{
	size_t low = 0, high = recording->sample_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (recording->samples[middle].record.stall < stall)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void saw_turn(struct loop *loop, uint64_t since_ns)
{
	if (since_ns > loop->turned_ns)
		loop->turned_ns = since_ns;
}

/* Turns that ended since a time are a sign that the one which was in progress then has, too. */
static void resolve_turns(struct recording *recording, struct collector *collector)
{
	recording->turns = collector->turns.items;
	recording->turns_count = collector->turns.count;
	for (size_t i = 0; i < recording->turns_count; i++) {
		const struct record_turns *row = &recording->turns[i].record;
		struct declared_loop *loop = collection_find(&collector->loops, row->loop);

		if (loop && row->count > 0)
			saw_turn(loop->loop, row->from_ns);
	}
}

static void resolve_events(struct recording *recording, struct collector *collector)
{
	struct vector *samples = &collector->samples, *stalls = &collector->stalls.items;

	sort_unless_sorted(samples, compare_samples);
	recording->samples = samples->items;
	recording->sample_count = samples->count;
	for (size_t i = 0; i < recording->sample_count; i++) {
		struct sample *sample = &recording->samples[i];
		struct declared_stack *stack =
			refer(recording, &collector->stacks, sample->record.stack);

		sample->stack = stack ? stack->stack : NULL;
		sample->on = text_of(recording, collector, sample->record.on);
	}

	sort_unless_sorted(stalls, compare_stalls); /* by_id is of no more use after this */
	recording->stalls = stalls->items;
	recording->stall_count = stalls->count;
	for (size_t i = 0; i < recording->stall_count; i++) {
		struct stall *stall = &recording->stalls[i];
		struct declared_loop *loop =
			refer(recording, &collector->loops, stall->record.loop);
		size_t end;

		stall->loop = loop ? loop->loop : NULL;
		/* The turn before it has ended. */
		if (loop)
			saw_turn(loop->loop, stall->record.begin_ns);
		stall->holder = text_of(recording, collector, stall->record.holder);
		stall->first_sample = end = first_sample(recording, stall->record.id);
		while (end < recording->sample_count &&
			recording->samples[end].record.stall == stall->record.id)
			end++;
		stall->sample_count = end - stall->first_sample;
	}
}

static int compare_pool_states(const void *a, const void *b)
{
	const struct record_pool_state *left = a, *right = b;
	int order = compare_u64(left->pool, right->pool);

	return order != 0 ? order : compare_u64(left->time_ns, right->time_ns);
}

static void resolve_pools(struct recording *recording, struct collector *collector)
{
	struct vector *states = &collector->pool_states;

	sort_unless_sorted(states, compare_pool_states);
	recording->pool_states = states->items;
	recording->pool_state_count = states->count;
	for (size_t begin = 0, end; begin < states->count; begin = end) {
		uint32_t id = recording->pool_states[begin].pool;
		struct declared_pool *declared = refer(recording, &collector->pools, id);

		for (end = begin; end < states->count && recording->pool_states[end].pool == id;)
			end++;
		if (declared) {
			declared->pool->first_state = begin;
			declared->pool->state_count = end - begin;
		}
	}
}

static int resolve_notes(struct recording *recording, struct collector *collector)
{
	const struct collected_note *notes = collector->notes.items;
	size_t count = collector->notes.count;

	recording->notes = pool_take(recording->pool, count * sizeof(*recording->notes));
	if (!recording->notes)
		return -ENOMEM;
	recording->note_count = count;
	for (size_t i = 0; i < count; i++)
		recording->notes[i] = (struct note){
			.kind = notes[i].kind,
			.text = text_of(recording, collector, notes[i].text),
			.time_ns = notes[i].time_ns,
		};
	return 0;
}

/* Pointers that the tool may follow without a check, where no chunk's head was left. */
static const struct record_head no_head = {.holter_version = "",
	.runtime = "",
	.program = "",
	.host = "",
	.kernel = "",
	.unwinder = ""};

int resolve(struct recording *recording, struct collector *collector)
{
	int error;

	recording->head = collector->has_head ? collector->head : no_head;
	recording->ended = collector->ended;
	recording->last_ns = collector->last_ns;
	recording->first_ns =
		collector->first_ns < collector->last_ns ? collector->first_ns : collector->last_ns;
	for (int kind = 0; kind < LOSS_KINDS; kind++)
		recording->lost[kind] = collector->lost[kind];

	resolve_texts(recording, collector);
	error = resolve_stacks(recording, collector);
	if (error == 0)
		error = resolve_notes(recording, collector);
	if (error == 0)
		error = resolve_named(recording, collector);
	if (error == 0)
		error = resolve_resting(recording, collector);
	if (error == 0)
		error = pointers_to(recording->pool, &collector->mappings, &recording->mappings,
			&recording->mapping_count);
	if (error == 0)
		error = pointers_to(recording->pool, &collector->loops, &recording->loops,
			&recording->loop_count);
	if (error == 0)
		error = pointers_to(recording->pool, &collector->pools,
			&recording->connection_pools, &recording->connection_pool_count);
	if (error == 0)
		error = pointers_to(recording->pool, &collector->stacks, &recording->stacks,
			&recording->stack_count);
	if (error < 0)
		return error;
	for (size_t i = 0; i < recording->loop_count; i++)
		recording->loops[i]->index = i;
	resolve_turns(recording, collector);
	resolve_events(recording, collector);
	resolve_pools(recording, collector);
	return 0;
}
