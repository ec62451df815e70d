/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.c - merges the rows of a loop's turns: how many, how busy, how long.
 *
 * Tier C. Data: recording.turns -> struct loop_figures. Of the stalls only those are looked at that
 * never ended: the histogram has every other turn, short and long.
 */
#include "loop.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "histogram.h"
#include "stall.h"

static const double NS_PER_MS = 1e6;

/* The duration below which `part` (0..1) of the counted turns lie. */
static double quantile_ms(
	const uint64_t *histogram, uint64_t count, double part, uint64_t longest_ns)
{
	uint64_t rank = (uint64_t)((double)count * part), seen = 0;

	if (count == 0)
		return NAN;
	for (uint32_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
		seen += histogram[bucket];
		if (seen > rank) {
			/* The middle of the bucket: half a percent off at most. */
			uint64_t middle =
				(histogram_floor_ns(bucket) + histogram_floor_ns(bucket + 1)) / 2;

			return (double)(middle < longest_ns ? middle : longest_ns) / NS_PER_MS;
		}
	}
	return (double)longest_ns / NS_PER_MS;
}

static int by_loop(const void *left, const void *right)
{
	const struct turns *const *a = left, *const *b = right;

	return (*a)->record.loop < (*b)->record.loop ? -1 : (*a)->record.loop > (*b)->record.loop;
}

/* All rows, those of one loop side by side. */
static const struct turns **sorted_rows(struct recording *recording)
{
	const struct turns **rows =
		recording_alloc(recording, (recording->turns_count + 1) * sizeof(struct turns *));

	for (size_t i = 0; i < recording->turns_count; i++)
		rows[i] = &recording->turns[i];
	qsort(rows, recording->turns_count, sizeof(struct turns *), by_loop);
	return rows;
}

/* The first of a loop's rows, or where it would stand. */
static size_t first_row(const struct turns **rows, size_t count, uint32_t loop)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (rows[middle]->record.loop < loop)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* histogram: scratch. */
static void merge_rows(
	struct loop_figures *ret, uint64_t *histogram, const struct turns **rows, size_t count)
{
	uint64_t busy_ns = 0, observed_ns = 0, longest_ns = 0, counted = 0;
	uint32_t id = ret->loop->record.id;

	memset(histogram, 0, HISTOGRAM_BUCKETS * sizeof(*histogram));
	for (size_t i = first_row(rows, count, id); i < count && rows[i]->record.loop == id; i++) {
		const struct turns *row = rows[i];

		ret->turns += row->record.count;
		busy_ns += row->record.busy_ns;
		if (row->record.to_ns > row->record.from_ns)
			observed_ns += row->record.to_ns - row->record.from_ns;
		if (row->record.longest_ns > longest_ns)
			longest_ns = row->record.longest_ns;
		for (size_t pair = 0; pair < row->bucket_count; pair++) {
			if (row->buckets[pair] < HISTOGRAM_BUCKETS) {
				histogram[row->buckets[pair]] += row->counts[pair];
				counted += row->counts[pair];
			}
		}
	}
	/* A turn counts where it ends, so that a row can be busier than it is long. */
	if (observed_ns > 0)
		ret->utilisation =
			busy_ns < observed_ns ? (double)busy_ns / (double)observed_ns : 1;
	ret->p50_ms = quantile_ms(histogram, counted, 0.50, longest_ns);
	ret->p99_ms = quantile_ms(histogram, counted, 0.99, longest_ns);
	ret->max_ms = (double)longest_ns / NS_PER_MS;
}

/* By the loops' places. */
static double *longest_unfinished_ms(struct recording *recording)
{
	double *longest_ms =
		recording_alloc(recording, (recording->loop_count + 1) * sizeof(*longest_ms));

	for (size_t i = 0; i < recording->stall_count; i++) {
		const struct stall *stall = &recording->stalls[i];
		double *ms = stall->loop ? &longest_ms[stall->loop->index] : NULL;

		if (ms && stall_is_unfinished(stall, recording))
			*ms = fmax(*ms, (double)stall->record.duration_ns / NS_PER_MS);
	}
	return longest_ms;
}

bool loop_is_main(const struct loop *loop, const struct recording *recording)
{
	return loop->record.tid == recording->head.pid;
}

static const char *name_of(const struct loop *loop)
{
	return loop->record.thread ? loop->record.thread : "";
}

static int by_name(const void *left, const void *right)
{
	const struct loop_figures *a = left, *b = right;
	int order = strcmp(name_of(a->loop), name_of(b->loop));
	double a_ms = fmax(a->max_ms, a->unfinished_ms), b_ms = fmax(b->max_ms, b->unfinished_ms);

	if (order != 0)
		return order;
	if (a_ms != b_ms)
		return a_ms > b_ms ? -1 : 1;
	return a->loop->record.id < b->loop->record.id ? -1
						       : a->loop->record.id > b->loop->record.id;
}

static void put_in_order(struct diagnosis *diagnosis, const struct recording *recording)
{
	struct loop_figures *loops = diagnosis->loops;
	size_t count = diagnosis->loop_count;

	for (size_t i = 0; i < count; i++) {
		struct loop_figures first = loops[i];

		if (!loop_is_main(first.loop, recording))
			continue;
		loops[i] = loops[0];
		loops[0] = first;
		loops++;
		count--;
		break;
	}
	qsort(loops, count, sizeof(*loops), by_name);
}

/* A thread that only waits is worth a word where there is no other: the process was idle. */
void loop_measure(struct diagnosis *diagnosis, struct recording *recording)
{
	const struct turns **rows = sorted_rows(recording);
	const double *unfinished_ms = longest_unfinished_ms(recording);
	uint64_t *histogram = recording_alloc(recording, HISTOGRAM_BUCKETS * sizeof(*histogram));

	diagnosis->loops =
		recording_alloc(recording, (recording->loop_count + 1) * sizeof(*diagnosis->loops));
	for (size_t i = 0; i < recording->loop_count; i++) {
		struct loop_figures *figures = &diagnosis->loops[diagnosis->loop_count];

		*figures = (struct loop_figures){.loop = recording->loops[i]};
		merge_rows(figures, histogram, rows, recording->turns_count);
		figures->unfinished_ms = unfinished_ms[i];
		if (figures->turns > 0 || figures->unfinished_ms > 0)
			diagnosis->loop_count++;
	}
	for (size_t i = 0, busy = diagnosis->loop_count; busy == 0 && i < recording->loop_count;
		i++)
		diagnosis->loops[diagnosis->loop_count++] = (struct loop_figures){
			.loop = recording->loops[i],
			.p50_ms = NAN,
			.p99_ms = NAN,
		};
	put_in_order(diagnosis, recording);
}
