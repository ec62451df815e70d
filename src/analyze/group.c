/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group.c - parts stalls by their origin.
 *
 * Tier C. Data: stalls with samples -> groups of stalls.
 */
#include "group.h"

#include <stdlib.h>
#include <string.h>

#include "severity.h"
#include "weight.h"

static const double PARTED = 0.6; /* kappa from which stalls take different ways */
static const double ONE_WAY =
	0.80; /* of the weight: the way is followed although some samples leave it */

/* A part of the stalls that is still to be followed, all of which have come through `below`. */
struct part {
	size_t first, count; /* in grouping.members */
	uint32_t below;      /* function; FUNCTION_NONE: at the outermost one */
	bool final;
};

struct member {
	uint32_t stall; /* index */
	uint32_t way;   /* the function that most of its weight enters next */
};

/* Counts by way: a way is a function, or FUNCTION_NONE where a sample goes no deeper. */
struct counter {
	double *amounts; /* by function; the last slot is FUNCTION_NONE's */
	size_t none;     /* that slot */
	uint32_t *ways;  /* those with an amount */
	size_t used;
};

struct grouping {
	const struct identity *identity;
	const struct recording *recording;
	struct member *members;
	struct counter all, one; /* of a part, of one stall; empty between uses */
	struct part *parts;      /* a stack */
	size_t part_count;
	uint32_t *reached; /* by sample: where it was found to enter the last function */
};

static void counter_init(
	struct counter *ret, const struct identity *identity, struct recording *recording)
{
	*ret = (struct counter){.none = identity->function_count};
	ret->amounts = recording_alloc(recording, (ret->none + 1) * sizeof(*ret->amounts));
	ret->ways = recording_alloc(recording, (ret->none + 1) * sizeof(*ret->ways));
}

static double *counter_amount(const struct counter *counter, uint32_t way)
{
	return &counter->amounts[way == FUNCTION_NONE ? counter->none : way];
}

/* `amount` is above 0. */
static void counter_add(struct counter *counter, uint32_t way, double amount)
{
	double *value = counter_amount(counter, way);

	if (*value == 0)
		counter->ways[counter->used++] = way;
	*value += amount;
}

static void counter_clear(struct counter *counter)
{
	for (size_t i = 0; i < counter->used; i++)
		*counter_amount(counter, counter->ways[i]) = 0;
	counter->used = 0;
}

static uint32_t counter_heaviest(const struct counter *counter)
{
	uint32_t best = FUNCTION_NONE;
	double most = 0;

	for (size_t i = 0; i < counter->used; i++) {
		double amount = *counter_amount(counter, counter->ways[i]);

		if (amount > most) {
			most = amount;
			best = counter->ways[i];
		}
	}
	return best;
}

static bool is_at(const struct stack_view *view, size_t place, uint32_t function)
{
	return place < view->path_length && view->path[place] == function;
}

/*
 * The function that a sample enters next after `below`, on its way from the outermost frame to the
 * leaf. Most samples go on from where they were found before: reached.
 */
static uint32_t way_of(const struct stack_view *view, uint32_t below, uint32_t *reached)
{
	size_t next = 0, place = *reached;

	if (below != FUNCTION_NONE) {
		if (!is_at(view, place, below))
			place++;
		if (!is_at(view, place, below))
			for (place = 0; place < view->path_length && !is_at(view, place, below);)
				place++;
		*reached = (uint32_t)place;
		next = place + 1;
	}
	return next < view->path_length ? view->path[next] : FUNCTION_NONE;
}

static size_t count_samples(struct grouping *grouping, const struct stall *stall, uint32_t below,
	bool by_weight, bool cut)
{
	size_t counted = 0;

	for (size_t i = 0; i < stall->sample_count; i++) {
		size_t number = stall->first_sample + i;
		const struct sample *sample = &grouping->recording->samples[number];
		const struct stack_view *view = identity_view(grouping->identity, sample->stack);

		if (!view || view->cut != cut)
			continue;
		counter_add(&grouping->one, way_of(view, below, &grouping->reached[number]),
			by_weight ? (double)weight_of_sample(&sample->record) : 1);
		counted++;
	}
	return counted;
}

/*
 * Counts the ways of a stall's samples: each once, or by weight. Stacks whose callers could not be
 * found do not show their way; they count only where there are no others. Returns the number of
 * samples that counted.
 */
static size_t count_stall(
	struct grouping *grouping, uint32_t number, uint32_t below, bool by_weight)
{
	const struct stall *stall = &grouping->recording->stalls[number];
	size_t counted;

	counter_clear(&grouping->one);
	counted = count_samples(grouping, stall, below, by_weight, false);
	return counted > 0 ? counted : count_samples(grouping, stall, below, by_weight, true);
}

/* Adds what was counted of one stall, each amount times `factor`. Returns the sum. */
static double add_one_to_all(struct grouping *grouping, double factor)
{
	double sum = 0;

	for (size_t i = 0; i < grouping->one.used; i++) {
		uint32_t way = grouping->one.ways[i];
		double amount = *counter_amount(&grouping->one, way) * factor;

		counter_add(&grouping->all, way, amount);
		sum += amount;
	}
	return sum;
}

/* Of all pairs of the samples of the stall that was counted, the part that takes the same way. */
static double agreeing_pairs(const struct grouping *grouping, double samples)
{
	double pairs = 0;

	for (size_t i = 0; i < grouping->one.used; i++) {
		double same = *counter_amount(&grouping->one, grouping->one.ways[i]);

		pairs += same * (same - 1);
	}
	return pairs / (samples * (samples - 1));
}

/*
 * Fleiss' kappa of the samples' ways, with the stalls as subjects, times the evidence n / (n + 2)
 * for the n samples that had an earlier one of their stall to agree with. Each stall counts once,
 * however many samples it has: one long turn that served two requests must not outvote those that
 * served one.
 */
static double agreement(struct grouping *grouping, const struct part *part)
{
	double within = 0, judged = 0, by_chance = 0, evidence = 0;

	counter_clear(&grouping->all);
	for (size_t i = 0; i < part->count; i++) {
		uint32_t stall = grouping->members[part->first + i].stall;
		double samples = (double)count_stall(grouping, stall, part->below, false);

		add_one_to_all(grouping, 1 / samples);
		if (samples >= 2) {
			within += agreeing_pairs(grouping, samples);
			evidence += samples - 1;
			judged++;
		}
	}
	for (size_t i = 0; i < grouping->all.used; i++) {
		double part_of_all = *counter_amount(&grouping->all, grouping->all.ways[i]) /
				     (double)part->count;

		by_chance += part_of_all * part_of_all;
	}
	if (judged == 0 || grouping->all.used == 1)
		return 0;
	return (within / judged - by_chance) / (1 - by_chance) * evidence / (evidence + 2);
}

/* Sets the members' ways and that of the whole part. Returns whether enough of the part's weight
 * takes it. */
static bool find_ways(struct grouping *grouping, const struct part *part, uint32_t *ret_way)
{
	double total = 0;

	counter_clear(&grouping->all);
	for (size_t i = 0; i < part->count; i++) {
		struct member *member = &grouping->members[part->first + i];

		count_stall(grouping, member->stall, part->below, true);
		member->way = counter_heaviest(&grouping->one);
		total += add_one_to_all(grouping, 1);
	}
	*ret_way = counter_heaviest(&grouping->all);
	return *ret_way != FUNCTION_NONE &&
	       *counter_amount(&grouping->all, *ret_way) >= ONE_WAY * total;
}

static int by_way(const void *left, const void *right)
{
	const struct member *a = left, *b = right;

	if (a->way != b->way)
		return a->way < b->way ? -1 : 1;
	return a->stall < b->stall ? -1 : a->stall > b->stall;
}

static bool could_be_finding(const struct grouping *grouping, size_t first, size_t count)
{
	uint64_t longest_ns = 0;

	for (size_t i = 0; i < count; i++) {
		const struct stall *stall =
			&grouping->recording->stalls[grouping->members[first + i].stall];

		if (stall->record.duration_ns > longest_ns)
			longest_ns = stall->record.duration_ns;
	}
	return count >= SEVERITY_MIN_STALLS || (double)longest_ns / 1e6 >= SEVERITY_HANG_MS;
}

static size_t run_of(const struct grouping *grouping, size_t first, size_t end)
{
	size_t next = first;

	while (next < end && grouping->members[next].way == grouping->members[first].way)
		next++;
	return next - first;
}

/* Parts the stalls by the way each takes; those too few to matter alone stay together as one last
 * part. */
static void divide(struct grouping *grouping, struct part part)
{
	struct member *members = &grouping->members[part.first];
	size_t end = part.first + part.count, small = 0;

	qsort(members, part.count, sizeof(*members), by_way);
	/* Outside any common caller there is nothing that would hold them together. */
	for (size_t first = part.first, run; part.below != FUNCTION_NONE && first < end;
		first += run) {
		run = run_of(grouping, first, end);
		if (could_be_finding(grouping, first, run))
			continue;
		for (size_t i = 0; i < run; i++)
			grouping->members[first + i].way = FUNCTION_NONE;
		small++;
	}
	if (small > 0)
		qsort(members, part.count, sizeof(*members), by_way);
	for (size_t first = part.first, run; first < end; first += run) {
		uint32_t way = grouping->members[first].way;

		run = run_of(grouping, first, end);
		grouping->parts[grouping->part_count++] = (struct part){
			.first = first, .count = run, .below = way, .final = way == FUNCTION_NONE};
	}
}

/*
 * Follows one part to where it divides, or to where no common way leads deeper. Returns whether it
 * was divided. Stalls without any common caller are always parted: together they could blame
 * nobody.
 */
static bool follow(struct grouping *grouping, struct part part)
{
	uint32_t way;

	while (!part.final && part.count > 1) {
		bool one_way = find_ways(grouping, &part, &way);

		if ((!one_way && part.below == FUNCTION_NONE) ||
			agreement(grouping, &part) >= PARTED) {
			divide(grouping, part);
			return true;
		}
		if (!one_way)
			return false;
		part.below = way;
	}
	return false;
}

static int by_stall(const void *left, const void *right)
{
	const struct member *a = left, *b = right;

	return a->stall < b->stall ? -1 : a->stall > b->stall;
}

static void finish(struct stall_group *ret, struct grouping *grouping, struct part part,
	struct recording *recording)
{
	struct member *members = &grouping->members[part.first];

	qsort(members, part.count, sizeof(*members), by_stall);
	ret->count = part.count;
	ret->stalls = recording_alloc(recording, part.count * sizeof(*ret->stalls));
	for (size_t i = 0; i < part.count; i++)
		ret->stalls[i] = members[i].stall;
}

size_t group_stalls(struct stall_group **ret, const uint32_t *stalls, size_t count,
	const struct identity *identity, struct recording *recording)
{
	struct grouping grouping = {.identity = identity, .recording = recording};
	size_t groups = 0;

	*ret = recording_alloc(recording, (count + 1) * sizeof(**ret));
	grouping.members = recording_alloc(recording, (count + 1) * sizeof(*grouping.members));
	/* Parts are disjoint and never empty. */
	grouping.parts = recording_alloc(recording, (count + 1) * sizeof(*grouping.parts));
	grouping.reached =
		recording_alloc(recording, (recording->sample_count + 1) * sizeof(uint32_t));
	counter_init(&grouping.all, identity, recording);
	counter_init(&grouping.one, identity, recording);
	for (size_t i = 0; i < count; i++)
		grouping.members[i].stall = stalls[i];
	if (count > 0)
		grouping.parts[grouping.part_count++] =
			(struct part){.count = count, .below = FUNCTION_NONE};
	while (grouping.part_count > 0) {
		struct part part = grouping.parts[--grouping.part_count];

		if (!follow(&grouping, part))
			finish(&(*ret)[groups++], &grouping, part, recording);
	}
	return groups;
}
