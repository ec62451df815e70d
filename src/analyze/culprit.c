/* SPDX-License-Identifier: Apache-2.0 */
/*
 * culprit.c - the function to blame for a set of samples.
 *
 * Tier C. Data: samples with their numbered stacks -> struct culprit. Which samples belong together
 * is decided elsewhere (group.c).
 */
#include "culprit.h"

#include <string.h>

static const double ENOUGH = 0.80;
static const double ENOUGH_OF_ALL = 0.50;

void culprit_search_init(
	struct culprit_search *ret, const struct identity *identity, struct recording *recording)
{
	size_t functions = (size_t)identity->function_count + 1;

	*ret = (struct culprit_search){.identity = identity, .recording = recording};
	ret->weight_ns = recording_alloc(recording, functions * sizeof(*ret->weight_ns));
	ret->cut_ns = recording_alloc(recording, functions * sizeof(*ret->cut_ns));
	ret->met_ns = recording_alloc(recording, functions * sizeof(*ret->met_ns));
	ret->last = recording_alloc(recording, functions * sizeof(*ret->last));
	ret->stack_ns = recording_alloc(recording, identity->view_slots * sizeof(*ret->stack_ns));
}

static void count_functions(
	struct culprit_search *search, const struct witness *witnesses, size_t count)
{
	size_t functions = search->identity->function_count;

	search->total_ns = 0;
	memset(search->silent_ns, 0, sizeof(search->silent_ns));
	memset(search->cut_ns, 0, functions * sizeof(*search->cut_ns));
	memset(search->weight_ns, 0, functions * sizeof(*search->weight_ns));
	memset(search->last, 0, functions * sizeof(*search->last));
	for (size_t i = 0; i < count; i++) {
		const struct stack_view *view = witnesses[i].view;
		uint64_t cut_ns = view->cut ? witnesses[i].weight_ns : 0;
		bool has_class[CLASS_NATIVE_LIBRARY + 1] = {false};

		search->total_ns += witnesses[i].weight_ns;
		for (size_t frame = 0; frame < view->own; frame++) {
			uint32_t function = view->functions[frame];

			if (function == FUNCTION_NONE || search->last[function] == i + 1)
				continue;
			has_class[search->identity->functions[function].frame_class] = true;
			search->last[function] = i + 1;
			search->weight_ns[function] += witnesses[i].weight_ns;
			search->cut_ns[function] += cut_ns;
		}
		for (int each = 0; each <= CLASS_NATIVE_LIBRARY; each++) {
			if (view->cut || !has_class[each])
				search->silent_ns[each] += witnesses[i].weight_ns;
		}
	}
}

static bool is_on_enough(const struct culprit_search *search, uint32_t number)
{
	enum frame_class frame_class = search->identity->functions[number].frame_class;
	uint64_t abstaining_ns = search->silent_ns[frame_class] - search->cut_ns[number];
	double weight_ns = (double)search->weight_ns[number];

	return weight_ns >= ENOUGH * (double)(search->total_ns - abstaining_ns) &&
	       weight_ns >= ENOUGH_OF_ALL * (double)search->total_ns;
}

static bool is_candidate(const struct culprit_search *search, uint32_t number,
	enum frame_class frame_class, bool named)
{
	const struct identity_function *function = &search->identity->functions[number];

	return function->frame_class == frame_class && function->named == named &&
	       is_on_enough(search, number);
}

/*
 * The deepest candidate. Two of them may stand in either order where functions call each other in
 * turn, so that the deepest is the one which most of the weight meets first on its way from the
 * leaf.
 */
static uint32_t deepest(struct culprit_search *search, const struct witness *witnesses,
	size_t count, enum frame_class frame_class, bool named)
{
	uint64_t *met_ns = search->met_ns;
	uint32_t best = FUNCTION_NONE;

	memset(met_ns, 0, search->identity->function_count * sizeof(*met_ns));
	for (size_t i = 0; i < count; i++) {
		const struct stack_view *view = witnesses[i].view;

		for (size_t frame = 0; frame < view->own; frame++) {
			uint32_t function = view->functions[frame];

			if (function == FUNCTION_NONE ||
				!is_candidate(search, function, frame_class, named))
				continue;
			met_ns[function] += witnesses[i].weight_ns;
			if (best == FUNCTION_NONE || met_ns[function] > met_ns[best])
				best = function;
			break;
		}
	}
	return best;
}

static uint32_t choose(struct culprit_search *search, const struct witness *witnesses, size_t count)
{
	for (int frame_class = CLASS_APPLICATION; frame_class <= CLASS_NATIVE_LIBRARY;
		frame_class++) {
		for (int named = 1; named >= 0; named--) {
			uint32_t function = deepest(search, witnesses, count,
				(enum frame_class)frame_class, named == 1);

			if (function != FUNCTION_NONE)
				return function;
		}
	}
	return FUNCTION_NONE;
}

/* The index of a function's deepest frame in a turn, or the stack's length. */
static size_t depth_of(const struct stack_view *view, uint32_t function)
{
	for (size_t depth = 0; depth < view->own; depth++) {
		if (view->functions[depth] == function)
			return depth;
	}
	return view->stack->count;
}

struct line_weight {
	uint32_t line, column;
	const struct generated *generated;
	uint64_t weight_ns;
};

enum { LINES_MAX = 256 }; /* lines of one function that are told apart; the rest are not counted */

/* The line with the most weight within the function's deepest frames, and the heaviest column in
 * it. */
static void heaviest_line(
	struct culprit *ret, uint32_t function, const struct witness *witnesses, size_t count)
{
	struct line_weight places[LINES_MAX];
	size_t used = 0;
	uint64_t best_line_ns = 0, best_place_ns = 0;

	for (size_t i = 0; i < count; i++) {
		size_t depth = depth_of(witnesses[i].view, function), place = 0;
		const struct frame *frame = &witnesses[i].view->stack->frames[depth];

		if (depth == witnesses[i].view->stack->count || frame->line == 0)
			continue;
		while (place < used && (places[place].line != frame->line ||
					       places[place].column != frame->column))
			place++;
		if (place == LINES_MAX)
			continue;
		if (place == used)
			places[used++] = (struct line_weight){
				frame->line, frame->column, frame->generated, 0};
		places[place].weight_ns += witnesses[i].weight_ns;
	}
	for (size_t i = 0; i < used; i++) {
		uint64_t line_ns = 0;

		for (size_t j = 0; j < used; j++)
			line_ns += places[j].line == places[i].line ? places[j].weight_ns : 0;
		if (line_ns < best_line_ns ||
			(line_ns == best_line_ns && places[i].weight_ns <= best_place_ns))
			continue;
		best_line_ns = line_ns;
		best_place_ns = places[i].weight_ns;
		ret->line = places[i].line;
		ret->column = places[i].column;
		ret->generated = places[i].generated;
	}
}

/* The stack with the most weight among those that hold the function. */
static void heaviest_stack(struct culprit_search *search, uint32_t function,
	const struct witness *witnesses, size_t count, struct culprit *ret)
{
	uint64_t best_ns = 0;

	memset(search->stack_ns, 0, search->identity->view_slots * sizeof(*search->stack_ns));
	for (size_t i = 0; i < count; i++) {
		const struct stack_view *view = witnesses[i].view;
		size_t depth = depth_of(view, function);
		uint64_t *stack_ns = &search->stack_ns[view - search->identity->views];

		if (depth == view->stack->count)
			continue;
		*stack_ns += witnesses[i].weight_ns;
		if (*stack_ns > best_ns) {
			best_ns = *stack_ns;
			ret->stack = view->stack;
			ret->depth = depth;
		}
	}
}

bool culprit_find(struct culprit_search *search, const struct witness *witnesses, size_t count,
	struct culprit *ret, uint32_t *ret_function)
{
	const struct frame *frame;
	uint32_t number;

	count_functions(search, witnesses, count);
	number = choose(search, witnesses, count);
	*ret_function = number;
	if (number == FUNCTION_NONE)
		return false;
	frame = search->identity->functions[number].frame;
	*ret = (struct culprit){
		.function = frame_name(frame, search->recording),
		.file = frame_file(frame),
		.module = frame_module(frame),
		.function_line = frame->function ? frame->function->line : 0,
		.generated = frame->generated,
		.frame_class = search->identity->functions[number].frame_class,
		.basis = BASIS_SYNC,
		.share = (double)search->weight_ns[number] / (double)search->total_ns,
	};
	heaviest_line(ret, number, witnesses, count);
	heaviest_stack(search, number, witnesses, count, ret);
	return true;
}

static bool is_doubtful(uint32_t function, const struct stack_view *view)
{
	size_t depth = depth_of(view, function);

	for (size_t i = 0; i < view->stack->count && i <= depth; i++) {
		const struct frame *frame = &view->stack->frames[i];

		if (frame->kind == FRAME_TRUNCATED || frame->doubt == DOUBT_BRIDGED ||
			frame->doubt == DOUBT_DEPTH)
			return true;
	}
	return false;
}

double culprit_doubt(uint32_t function, const struct witness *witnesses, size_t count)
{
	uint64_t total_ns = 0, doubtful_ns = 0;

	for (size_t i = 0; i < count; i++) {
		total_ns += witnesses[i].weight_ns;
		if (is_doubtful(function, witnesses[i].view))
			doubtful_ns += witnesses[i].weight_ns;
	}
	return total_ns > 0 ? (double)doubtful_ns / (double)total_ns : 0;
}
