/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flame_tree.c - merges samples into a tree of calls.
 *
 * Tier C. Data: recording.samples -> struct flame_tree.
 */
#include "flame_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weight.h"

struct builder {
	struct recording *recording;
	struct identity identity;
	enum flame_of of;
	struct flame_node *nodes;
	size_t count;
	uint32_t *slots; /* (parent, function) -> node, hashed; 0: free, as the root is nobody's
			    child */
	size_t slot_count;
};

static uint64_t weight_of(const struct record_sample *sample, enum flame_of of)
{
	uint64_t weight_ns = sample->weight_ns < WEIGHT_MAX_NS ? sample->weight_ns : WEIGHT_MAX_NS;
	uint64_t cpu_ns = sample->cpu_ns < weight_ns ? sample->cpu_ns : weight_ns;

	switch (of) {
	case FLAME_BLOCK:
		return weight_ns - cpu_ns;
	case FLAME_CPU:
		return cpu_ns;
	case FLAME_STALL:
		break;
	}
	return weight_ns;
}

/*
 * Keeps the line that has more weight than all others together, if there is one (Boyer and Moore's
 * majority vote): a node needs two numbers for it and no table.
 */
static void vote(struct flame_node *node, uint32_t line, uint64_t weight_ns)
{
	if (line == 0 || node->line == line) {
		node->line_lead_ns += line ? weight_ns : 0;
	} else if (node->line_lead_ns >= weight_ns) {
		node->line_lead_ns -= weight_ns;
	} else {
		node->line = line;
		node->line_lead_ns = weight_ns - node->line_lead_ns;
	}
}

static uint32_t child_of(
	struct builder *builder, uint32_t parent, uint32_t function, const struct frame *frame)
{
	uint64_t hash = (((uint64_t)parent << 32) | function) * 0x9e3779b97f4a7c15;
	size_t slot = (hash >> 20) & (builder->slot_count - 1);
	struct flame_node *node;

	while (builder->slots[slot] != 0) {
		node = &builder->nodes[builder->slots[slot]];
		if (node->parent == parent && node->function == function)
			return builder->slots[slot];
		slot = (slot + 1) & (builder->slot_count - 1);
	}
	node = &builder->nodes[builder->count];
	*node = (struct flame_node){.frame = frame,
		.function = function,
		.parent = parent,
		.depth = builder->nodes[parent].depth + 1};
	builder->slots[slot] = (uint32_t)builder->count;
	return (uint32_t)builder->count++;
}

static void add_sample(struct builder *builder, const struct sample *sample)
{
	const struct stack_view *view = identity_view(&builder->identity, sample->stack);
	uint64_t weight_ns = weight_of(&sample->record, builder->of);
	uint32_t node = 0;

	if (weight_ns == 0)
		return;
	builder->nodes[0].total_ns += weight_ns;
	if (!view) {
		builder->nodes[child_of(builder, 0, FUNCTION_NONE, NULL)].total_ns += weight_ns;
		return;
	}
	for (size_t i = view->stack->count; i-- > 0;) {
		const struct frame *frame = &view->stack->frames[i];

		node = child_of(builder, node, view->functions[i], frame);
		builder->nodes[node].total_ns += weight_ns;
		vote(&builder->nodes[node], frame->line, weight_ns);
	}
}

/* Room for every frame of every sample that is drawn: the tree cannot be larger. */
static void make_room(struct builder *builder)
{
	const struct recording *recording = builder->recording;
	size_t nodes = 1;

	for (size_t i = 0; i < recording->stack_count; i++)
		nodes += recording->stacks[i]->count;
	nodes += 1;
	builder->slot_count = 16;
	while (builder->slot_count < 2 * nodes)
		builder->slot_count *= 2;
	builder->nodes = recording_alloc(builder->recording, nodes * sizeof(*builder->nodes));
	builder->slots =
		recording_alloc(builder->recording, builder->slot_count * sizeof(*builder->slots));
	builder->nodes[0].function = FUNCTION_NONE;
	builder->count = 1;
}

struct sibling {
	uint32_t node;
	uint32_t parent;
	uint32_t depth;
	uint64_t total_ns;
	const char *name, *file;
};

/* Of one depth and parent the wider first; the names make the order the same for the same
 * recording. */
static int in_order(const void *left, const void *right)
{
	const struct sibling *a = left, *b = right;
	int order;

	if (a->depth != b->depth)
		return a->depth < b->depth ? -1 : 1;
	if (a->parent != b->parent)
		return a->parent < b->parent ? -1 : 1;
	if (a->total_ns != b->total_ns)
		return a->total_ns > b->total_ns ? -1 : 1;
	order = strcmp(a->name, b->name);
	if (order == 0)
		order = strcmp(a->file, b->file);
	if (order != 0)
		return order;
	return a->node < b->node ? -1 : a->node > b->node;
}

/* Puts the nodes in order, renumbers their parents, and gives each its place. */
static void arrange(struct flame_tree *ret, struct builder *builder)
{
	struct recording *recording = builder->recording;
	struct sibling *order = recording_alloc(recording, builder->count * sizeof(*order));
	uint32_t *renumbered = recording_alloc(recording, builder->count * sizeof(*renumbered));
	uint64_t *filled_ns = recording_alloc(recording, builder->count * sizeof(*filled_ns));

	for (size_t i = 0; i < builder->count; i++) {
		const struct flame_node *node = &builder->nodes[i];

		order[i] = (struct sibling){(uint32_t)i, node->parent, node->depth, node->total_ns,
			node->frame ? frame_name(node->frame, recording) : "",
			node->frame ? frame_file(node->frame) : ""};
	}
	qsort(order, builder->count, sizeof(*order), in_order);
	ret->nodes = recording_alloc(recording, builder->count * sizeof(*ret->nodes));
	ret->count = builder->count;
	for (size_t i = 0; i < builder->count; i++)
		renumbered[order[i].node] = (uint32_t)i;
	for (size_t i = 0; i < builder->count; i++) {
		struct flame_node *node = &ret->nodes[i];

		*node = builder->nodes[order[i].node];
		node->parent = renumbered[node->parent];
		if (i > 0) {
			node->begin_ns =
				ret->nodes[node->parent].begin_ns + filled_ns[node->parent];
			filled_ns[node->parent] += node->total_ns;
		}
		if (node->depth > ret->depth)
			ret->depth = node->depth;
	}
}

int flame_tree_build(struct flame_tree *ret, struct recording *recording, enum flame_of of)
{
	struct builder builder = {.recording = recording, .of = of};

	*ret = (struct flame_tree){0};
	identity_build(&builder.identity, recording);
	make_room(&builder);
	for (size_t i = 0; i < recording->stall_count; i++) {
		const struct stall *stall = &recording->stalls[i];

		if (stall->record.startup) {
			ret->startup_turns++;
			ret->startup_ns += stall->record.duration_ns;
			continue;
		}
		if (stall->sample_count == 0) {
			ret->unseen_stalls++;
			ret->unseen_ns += stall->record.duration_ns;
			continue;
		}
		ret->stalls++;
		ret->samples += stall->sample_count;
		for (size_t j = 0; j < stall->sample_count; j++)
			add_sample(&builder, &recording->samples[stall->first_sample + j]);
	}
	if (builder.nodes[0].total_ns == 0)
		return -ENODATA;
	arrange(ret, &builder);
	return 0;
}
