/* SPDX-License-Identifier: Apache-2.0 */
/* source_map_mappings.c - see source_map_mappings.h. */
#include "source_map_mappings.h"

#include <errno.h>
#include <stdbool.h>

#include "base64.h"

enum {
	FIELDS_MAX = 5,
	VLQ_DIGITS_MAX = 7,       /* 35 bits: a sign and what fits into 32 */
	VLQ_MORE = 32,            /* the digit is not the last */
	LATE_STEPS_MAX = 1 << 22, /* what segments out of order may cost */
};

static const uint32_t NOWHERE = UINT32_MAX; /* no segment has begun before the query */

struct segment {
	int64_t column, source, line, original_column, name;
	bool has_source, has_name;
};

struct reading {
	const char *at, *end;
	struct source_map_origin origin;
	uint32_t line;
	struct segment last; /* of which the numbers go on counting */
	/* The queries, parted at the segment in hand. */
	struct source_map_query *queries;
	size_t count;
	size_t line_begin; /* of those on this line the first */
	size_t next;       /* the first whose segment is not known yet */
	/* Of the segments of this line the one furthest to the right, where `has_open`. */
	struct segment open;
	bool has_open;
	uint32_t late_steps;
};

static int read_vlq(struct reading *reading, int64_t *ret)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < VLQ_DIGITS_MAX && reading->at < reading->end; i++) {
		int digit = base64_digit((unsigned char)*reading->at++);

		if (digit < 0)
			return -EINVAL;
		value |= (uint64_t)(digit & (VLQ_MORE - 1)) << (5 * i);
		if (!(digit & VLQ_MORE)) {
			*ret = value & 1 ? -(int64_t)(value >> 1) : (int64_t)(value >> 1);
			return 0;
		}
	}
	return -EINVAL;
}

static bool is_number(int64_t value)
{
	return value >= 0 && value <= INT32_MAX;
}

/* Reads one segment into reading->last. */
static int read_segment(struct reading *reading)
{
	struct segment *last = &reading->last;
	int64_t fields[FIELDS_MAX];
	size_t count = 0;

	while (reading->at < reading->end && *reading->at != ',' && *reading->at != ';') {
		if (count == FIELDS_MAX || read_vlq(reading, &fields[count++]) < 0)
			return -EINVAL;
	}
	if (count != 1 && count != 4 && count != 5)
		return -EINVAL;
	last->column += fields[0];
	last->has_source = count > 1;
	last->has_name = count == 5;
	if (last->has_source) {
		last->source += fields[1];
		last->line += fields[2];
		last->original_column += fields[3];
	}
	if (last->has_name)
		last->name += fields[4];
	return is_number(last->column) && is_number(last->source) && is_number(last->line) &&
			       is_number(last->original_column) && is_number(last->name)
		       ? 0
		       : -EINVAL;
}

static void answer(struct source_map_query *query, const struct segment *segment)
{
	query->starts_at = (uint32_t)segment->column;
	query->source = segment->has_source ? (int32_t)segment->source : -1;
	query->original_line = (int32_t)segment->line;
	query->original_column = (int32_t)segment->original_column;
	query->name = segment->has_name ? (int32_t)segment->name : -1;
}

static bool is_on_line(const struct reading *reading, size_t query)
{
	return query < reading->count && reading->queries[query].line == reading->line;
}

/* Nothing further to the right will come for the queries before `column`. */
static void settle(struct reading *reading, int64_t column)
{
	while (is_on_line(reading, reading->next) &&
		reading->queries[reading->next].column < column) {
		if (reading->has_open)
			answer(&reading->queries[reading->next], &reading->open);
		reading->next++;
	}
}

/* A segment left of one that was read before: rare, but the format does not forbid it. */
static int settle_late(struct reading *reading, const struct segment *late)
{
	for (size_t i = reading->line_begin; i < reading->next; i++) {
		struct source_map_query *query = &reading->queries[i];

		if (++reading->late_steps > LATE_STEPS_MAX)
			return -EINVAL;
		if (query->column >= late->column &&
			(query->starts_at == NOWHERE || query->starts_at < late->column))
			answer(query, late);
	}
	return 0;
}

static int take_segment(struct reading *reading)
{
	const struct segment *segment = &reading->last;

	if (!is_on_line(reading, reading->line_begin))
		return 0;
	if (reading->has_open && segment->column < reading->open.column)
		return settle_late(reading, segment);
	/* Of several at one column the first counts. */
	if (reading->has_open && segment->column == reading->open.column)
		return 0;
	settle(reading, segment->column);
	reading->open = *segment;
	reading->has_open = true;
	return 0;
}

static void begin_line(struct reading *reading)
{
	while (reading->next < reading->count &&
		reading->queries[reading->next].line < reading->line)
		reading->next++;
	reading->line_begin = reading->next;
	reading->has_open = false;
	reading->last.column = reading->line == reading->origin.line ? reading->origin.column : 0;
}

int source_map_mappings_answer(const char *text, size_t length, struct source_map_origin origin,
	struct source_map_query *queries, size_t count)
{
	struct reading reading = {
		.at = text,
		.end = text + length,
		.origin = origin,
		.line = origin.line,
		.queries = queries,
		.count = count,
	};

	for (size_t i = 0; i < count; i++) {
		queries[i].source = queries[i].name = -1;
		queries[i].starts_at = NOWHERE;
	}
	begin_line(&reading);
	while (reading.at < reading.end) {
		if (*reading.at == ';') {
			settle(&reading, INT64_MAX);
			if (reading.next == count || reading.line == UINT32_MAX)
				return 0;
			reading.line++;
			reading.at++;
			begin_line(&reading);
		} else if (*reading.at == ',') {
			reading.at++;
		} else if (read_segment(&reading) < 0 || take_segment(&reading) < 0) {
			return -EINVAL;
		}
	}
	settle(&reading, INT64_MAX);
	return 0;
}
