/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text_stack.c - see text_stack.h.
 *
 * Tier C. Data: struct culprit -> stream. Every text from the target passes render_quoted.
 */
#include "text_stack.h"

#include <string.h>

#include "glyph.h"
#include "render.h"

enum {
	LEAVES = 2,   /* rows shown at the leaf */
	CALLED = 3,   /* rows shown that the culprit called */
	CALLERS = 5,  /* rows shown that called the culprit */
	FOLD_MIN = 3, /* frames that are one row; fewer would be no shorter */
	NAME_MAX_COLUMNS = 56,
	PATH_MAX_COLUMNS = 48,
};

/* Frames that are shown as one. */
struct row {
	size_t first, count;
};

struct rows {
	const struct stack *stack;
	struct row *rows;
	size_t count;
	size_t culprit;       /* index of its row */
	const char *folder;   /* below which paths are shown; not terminated */
	size_t folder_length; /* with its last slash; 0: none */
	size_t name_columns;
};

/* --- what is one row
 * ------------------------------------------------------------------------------ */

static bool same_function(const struct frame *a, const struct frame *b)
{
	return frame_is_named(a) && frame_is_named(b) &&
	       strcmp(a->function->name, b->function->name) == 0 &&
	       strcmp(a->function->file, b->function->file) == 0 &&
	       a->function->line == b->function->line &&
	       a->function->column == b->function->column && frame_module(a) == frame_module(b);
}

static bool same_nameless_module(const struct frame *a, const struct frame *b)
{
	return a->kind == FRAME_NATIVE && b->kind == FRAME_NATIVE && !frame_is_named(a) &&
	       !frame_is_named(b) && frame_module(a) == frame_module(b);
}

/* How many frames from `first` on belong together. The culprit may begin a run, but is in no other.
 */
static size_t run_length(const struct stack *stack, size_t first, size_t culprit)
{
	const struct frame *head = &stack->frames[first];
	size_t next = first + 1;

	while (next < stack->count && next != culprit &&
		(same_function(head, &stack->frames[next]) ||
			(first != culprit && same_nameless_module(head, &stack->frames[next]))))
		next++;
	return next - first;
}

static void fold(struct rows *ret, const struct culprit *culprit, struct recording *recording)
{
	const struct stack *stack = culprit->stack;

	ret->stack = stack;
	ret->rows = recording_alloc(recording, stack->count * sizeof(*ret->rows));
	for (size_t first = 0; first < stack->count;) {
		size_t run = run_length(stack, first, culprit->depth);
		size_t end = first + run, step = run < FOLD_MIN ? 1 : run;

		for (; first < end; first += step) {
			if (first == culprit->depth)
				ret->culprit = ret->count;
			ret->rows[ret->count++] = (struct row){first, step};
		}
	}
}

/* --- paths
 * ---------------------------------------------------------------------------------------- */

static const char *path_of(const struct frame *frame)
{
	if (frame_file(frame)[0] != '\0')
		return frame_file(frame);
	return frame_module(frame) ? frame_module(frame) : "";
}

/* Finds the innermost folder of all application files. The root is none. */
static void find_folder(struct rows *ret, struct recording *recording)
{
	for (size_t i = 0; i < ret->stack->count; i++) {
		const struct frame *frame = &ret->stack->frames[i];
		const char *path = path_of(frame);
		size_t common = 0, length = 0;

		if (frame_class(frame, recording) != CLASS_APPLICATION || path[0] == '\0')
			continue;
		if (!ret->folder) {
			ret->folder = path;
			ret->folder_length = strlen(path);
		}
		for (; common < ret->folder_length && path[common] == ret->folder[common]; common++)
			length = path[common] == '/' ? common + 1 : length;
		ret->folder_length = length;
	}
	if (ret->folder_length <= 1)
		ret->folder_length = 0;
}

/* Where to begin a path that is to take few columns: at a slash, or at its start. */
static const char *inner_part(const char *path)
{
	size_t columns = glyph_text_columns(path);
	const char *part = path, *next = path;
	struct glyph glyph;

	if (columns <= PATH_MAX_COLUMNS)
		return path;
	while (glyph_next(&glyph, &next)) {
		columns -= glyph_columns(&glyph);
		if (*next != '/')
			continue;
		part = next;
		if (columns <= PATH_MAX_COLUMNS)
			break;
	}
	return part;
}

static void write_path(const struct page *page, const struct rows *rows, const char *path)
{
	const char *part;

	if (rows->folder_length > 0 && strncmp(path, rows->folder, rows->folder_length) == 0)
		path += rows->folder_length;
	part = inner_part(path);
	if (part != path)
		fputs("…", page->out);
	render_quoted(page->out, part);
}

/* --- rows
 * ----------------------------------------------------------------------------------------- */

/* C++ templates can make names as long as a page. Returns the columns written. */
static size_t write_name(FILE *out, const char *name)
{
	const char *end = glyph_cut(name, NAME_MAX_COLUMNS);
	char visible[GLYPH_VISIBLE_MAX];
	struct glyph glyph;

	if (!end) {
		render_quoted(out, name);
		return glyph_text_columns(name);
	}
	while (name < end && glyph_next(&glyph, &name))
		fwrite(visible, 1, glyph_visible(&glyph, visible), out);
	fputs("…", out);
	return NAME_MAX_COLUMNS;
}

static void write_place(const struct page *page, const struct rows *rows, const struct frame *frame)
{
	const struct generated *generated = frame->generated;

	if (path_of(frame)[0] == '\0') {
		fputs(frame->kind == FRAME_JS_BUILTIN ? "built into the engine" : "?", page->out);
		return;
	}
	write_path(page, rows, path_of(frame));
	if (frame_file(frame)[0] == '\0')
		return;
	page_position(page, frame->line, frame->column);
	if (!generated)
		return;
	fputs(" (", page->out);
	write_path(page, rows, generated->function->file);
	page_position(page, generated->line, generated->column);
	fputc(')', page->out);
}

static void write_elided(const struct page *page, size_t count, const char *noun)
{
	if (count == 0)
		return;
	page_label(page, "");
	page_style(page, PAGE_DIM);
	fprintf(page->out, "  … %zu more %s%s", count, noun, count == 1 ? "" : "s");
	page_style(page, PAGE_RESET);
	fputc('\n', page->out);
}

static void write_row(const struct page *page, const struct rows *rows, size_t number)
{
	const struct row *row = &rows->rows[number];
	const struct frame *frame = &rows->stack->frames[row->first];
	bool blamed = number == rows->culprit;
	size_t used;

	page_label(page, "");
	if (blamed)
		page_style(page, PAGE_BOLD);
	fputs(blamed ? "> " : "  ", page->out);
	used = write_name(page->out, frame_name(frame, page->recording));
	page_style(page, PAGE_RESET);
	fprintf(page->out, "%*s  ",
		used < rows->name_columns ? (int)(rows->name_columns - used) : 0, "");
	page_style(page, PAGE_DIM);
	write_place(page, rows, frame);
	if (frame->doubt == DOUBT_BRIDGED)
		fputs("  (found by a scan)", page->out);
	else if (frame->doubt == DOUBT_LINE_APPROXIMATE)
		fputs("  (line approximate)", page->out);
	else if (frame->unresolved)
		fprintf(page->out, "  (%s)", frame->unresolved);
	if (row->count > 1 && frame_is_named(frame))
		fprintf(page->out, "  × %zu", row->count);
	page_style(page, PAGE_RESET);
	fputc('\n', page->out);
	if (!frame_is_named(frame))
		write_elided(page, row->count - 1, "frame");
}

static size_t frames_between(const struct rows *rows, size_t first, size_t end)
{
	size_t frames = 0;

	for (size_t i = first; i < end; i++)
		frames += rows->rows[i].count;
	return frames;
}

void text_stack_write(const struct page *page, const struct culprit *culprit)
{
	struct rows rows = {0};
	size_t first, end;

	fold(&rows, culprit, page->recording);
	find_folder(&rows, page->recording);
	first = rows.culprit > CALLED ? rows.culprit - CALLED : 0;
	end = rows.culprit + 1 + CALLERS;
	/* A gap of one row is no shorter than the row. */
	if (first <= LEAVES + 1)
		first = 0;
	if (end + 1 >= rows.count)
		end = rows.count;
	for (size_t i = 0; i < end; i++) {
		const struct frame *frame = &rows.stack->frames[rows.rows[i].first];
		size_t name = glyph_text_columns(frame_name(frame, page->recording));

		if ((i < LEAVES || i >= first) && name > rows.name_columns)
			rows.name_columns = name < NAME_MAX_COLUMNS ? name : NAME_MAX_COLUMNS;
	}
	page_label(page, "stack");
	page_style(page, PAGE_DIM);
	fputs("  innermost first", page->out);
	page_style(page, PAGE_RESET);
	fputc('\n', page->out);
	for (size_t i = 0; i < LEAVES && i < first; i++)
		write_row(page, &rows, i);
	if (first > 0)
		write_elided(page, frames_between(&rows, LEAVES, first), "frame");
	for (size_t i = first; i < end; i++)
		write_row(page, &rows, i);
	write_elided(page, frames_between(&rows, end, rows.count), "caller");
}
