/* SPDX-License-Identifier: Apache-2.0 */
/*
 * culprit.c - the function to blame for a set of samples.
 *
 * Tier C. Data: samples with their numbered stacks -> struct culprit. Which samples belong together
 * is decided elsewhere (group.c).
 */
#include "culprit.h"

#include <string.h>

#define ENOUGH        0.80
#define ENOUGH_OF_ALL 0.50

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
	ret->met = recording_alloc(recording, functions * sizeof(*ret->met));
}

/* Forgets the last search: there may be as many as there are functions. */
static void forget(struct culprit_search *search)
{
	for (size_t i = 0; i < search->met_count; i++) {
		uint32_t function = search->met[i];

		search->weight_ns[function] = search->cut_ns[function] = 0;
		search->last[function] = 0;
	}
	search->met_count = 0;
	search->total_ns = 0;
	memset(search->silent_ns, 0, sizeof(search->silent_ns));
}

static void count_functions(
	struct culprit_search *search, const struct witness *witnesses, size_t count)
{
	forget(search);
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
			if (!search->last[function])
				search->met[search->met_count++] = function;
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

static bool is_on_enough(const struct culprit_search *search, uint32_t number, double enough)
{
	enum frame_class frame_class = search->identity->functions[number].frame_class;
	uint64_t abstaining_ns = search->silent_ns[frame_class] - search->cut_ns[number];
	double weight_ns = (double)search->weight_ns[number];

	return weight_ns >= enough * (double)(search->total_ns - abstaining_ns) &&
	       weight_ns >= ENOUGH_OF_ALL * (double)search->total_ns;
}

/* What may be blamed: a class of functions, with or without names, on enough of the weight. */
struct choice {
	enum frame_class frame_class;
	bool named;
	double enough;
};

static bool is_candidate(
	const struct culprit_search *search, uint32_t number, const struct choice *choice)
{
	const struct identity_function *function = &search->identity->functions[number];

	return function->frame_class == choice->frame_class && function->named == choice->named &&
	       is_on_enough(search, number, choice->enough);
}

/*
 * The deepest candidate. Two of them may stand in either order where functions call each other in
 * turn, so that the deepest is the one which most of the weight meets first on its way from the
 * leaf.
 */
static uint32_t deepest(struct culprit_search *search, const struct witness *witnesses,
	size_t count, const struct choice *choice)
{
	uint64_t *met_ns = search->met_ns;
	uint32_t best = FUNCTION_NONE;

	for (size_t i = 0; i < search->met_count; i++)
		met_ns[search->met[i]] = 0;
	for (size_t i = 0; i < count; i++) {
		const struct stack_view *view = witnesses[i].view;

		for (size_t frame = 0; frame < view->own; frame++) {
			uint32_t function = view->functions[frame];

			if (function == FUNCTION_NONE || !is_candidate(search, function, choice))
				continue;
			met_ns[function] += witnesses[i].weight_ns;
			if (best == FUNCTION_NONE || met_ns[function] > met_ns[best])
				best = function;
			break;
		}
	}
	return best;
}

/*
 * A turn may go through several functions, one after the other, none of them on enough. All that
 * they share then is what runs turns, about which nobody can do anything: most of the weight on
 * code that somebody wrote or chose says more.
 */
static uint32_t choose(struct culprit_search *search, const struct witness *witnesses, size_t count)
{
	static const struct choice choices[] = {
		{CLASS_APPLICATION, true, ENOUGH},
		{CLASS_APPLICATION, false, ENOUGH},
		{CLASS_DEPENDENCY, true, ENOUGH},
		{CLASS_DEPENDENCY, false, ENOUGH},
		{CLASS_APPLICATION, true, ENOUGH_OF_ALL},
		{CLASS_DEPENDENCY, true, ENOUGH_OF_ALL},
		{CLASS_RUNTIME, true, ENOUGH},
		{CLASS_RUNTIME, false, ENOUGH},
		{CLASS_NATIVE_LIBRARY, true, ENOUGH},
		{CLASS_NATIVE_LIBRARY, false, ENOUGH},
	};

	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		uint32_t function = deepest(search, witnesses, count, &choices[i]);

		if (function != FUNCTION_NONE)
			return function;
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

	for (size_t i = 0; i < count; i++)
		search->stack_ns[witnesses[i].view - search->identity->views] = 0;
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
