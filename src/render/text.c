/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.c - the verdict for a person: findings first, then what was observed and what was not.
 *
 * Tier C. Data: struct diagnosis -> stream. Every text from the target passes render_quoted.
 */
#include <math.h>

#include "glyph.h"
#include "render.h"

static const char BOLD[] = "\x1b[1m";
static const char DIM[] = "\x1b[2m";
static const char RESET[] = "\x1b[0m";
static const double MS_PER_S = 1000;
static const double LEAST_SHARE = 0.02; /* that is worth a word */

enum {
	LEAVES = 2,  /* frames shown at the leaf */
	CALLED = 3,  /* frames shown that the culprit called */
	CALLERS = 5, /* frames shown that called the culprit */
	NAME_MAX_COLUMNS = 56,
};

struct page {
	FILE *out;
	bool color;
	struct recording *recording;
};

static void style(const struct page *page, const char *sequence)
{
	if (page->color)
		fputs(sequence, page->out);
}

static const char *severity_style(enum severity severity)
{
	switch (severity) {
	case SEVERITY_CRITICAL:
		return "\x1b[1;31m";
	case SEVERITY_WARNING:
		return "\x1b[1;33m";
	case SEVERITY_INFO:
		break;
	}
	return "\x1b[1;36m";
}

static const char *severity_word(enum severity severity)
{
	static const char *const words[] = {[SEVERITY_INFO] = "INFO",
		[SEVERITY_WARNING] = "WARNING",
		[SEVERITY_CRITICAL] = "CRITICAL"};

	return words[severity];
}

static void write_duration(FILE *out, double ms)
{
	if (ms >= MS_PER_S)
		fprintf(out, "%.2f s", ms / MS_PER_S);
	else if (ms >= 1)
		fprintf(out, ms >= 10 ? "%.0f ms" : "%.1f ms", ms);
	else
		fprintf(out, "%.0f µs", ms * 1000);
}

static void write_label(const struct page *page, const char *label)
{
	style(page, DIM);
	fprintf(page->out, "  %-10s", label);
	style(page, RESET);
}

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

/* ":8", ":8:17" or nothing. */
static void write_position(FILE *out, uint32_t line, uint32_t column)
{
	if (line > 0)
		fprintf(out, ":%u", line);
	if (line > 0 && column > 0)
		fprintf(out, ":%u", column);
}

/* Where the code that ran stands, behind where it was written: " (dist/main.js:1:10771)". */
static void write_generated(FILE *out, const struct generated *generated)
{
	if (!generated)
		return;
	fputs(" (", out);
	render_quoted(out, generated->function->file);
	write_position(out, generated->line, generated->column);
	fputc(')', out);
}

static void write_frame(
	const struct page *page, const struct frame *frame, bool blamed, size_t name_columns)
{
	size_t used;

	write_label(page, "");
	if (blamed)
		style(page, BOLD);
	fputs(blamed ? "> " : "  ", page->out);
	used = write_name(page->out, frame_name(frame, page->recording));
	style(page, RESET);
	fprintf(page->out, "%*s  ", used < name_columns ? (int)(name_columns - used) : 0, "");
	style(page, DIM);
	if (frame_file(frame)[0] != '\0') {
		render_quoted(page->out, frame_file(frame));
		write_position(page->out, frame->line, frame->column);
		write_generated(page->out, frame->generated);
	} else if (frame_module(frame)) {
		render_quoted(page->out, frame_module(frame));
	} else {
		fputs(frame->kind == FRAME_JS_BUILTIN ? "built into the engine" : "?", page->out);
	}
	if (frame->doubt == DOUBT_BRIDGED)
		fputs("  (found by a scan)", page->out);
	else if (frame->doubt == DOUBT_LINE_APPROXIMATE)
		fputs("  (line approximate)", page->out);
	else if (frame->unresolved)
		fprintf(page->out, "  (%s)", frame->unresolved);
	style(page, RESET);
	fputc('\n', page->out);
}

static void write_elided(const struct page *page, size_t count, const char *what)
{
	if (count == 0)
		return;
	write_label(page, "");
	style(page, DIM);
	fprintf(page->out, "  … %zu more %s%s", count, what, count == 1 ? "" : "s");
	style(page, RESET);
	fputc('\n', page->out);
}

/* Leaf first, as in a debugger: the ends and the culprit's surroundings, and how much lies between.
 */
static void write_stack(const struct page *page, const struct culprit *culprit)
{
	const struct stack *stack = culprit->stack;
	size_t first = culprit->depth > CALLED ? culprit->depth - CALLED : 0;
	size_t end = culprit->depth + 1 + CALLERS, width = 0;

	/* A gap of one frame is no shorter than the frame. */
	if (first <= LEAVES + 1)
		first = 0;
	if (end + 1 >= stack->count)
		end = stack->count;
	for (size_t i = 0; i < end; i++) {
		size_t name = glyph_text_columns(frame_name(&stack->frames[i], page->recording));

		if ((i < LEAVES || i >= first) && name > width)
			width = name < NAME_MAX_COLUMNS ? name : NAME_MAX_COLUMNS;
	}
	write_label(page, "stack");
	style(page, DIM);
	fputs("  innermost first", page->out);
	style(page, RESET);
	fputc('\n', page->out);
	for (size_t i = 0; i < LEAVES && i < first; i++)
		write_frame(page, &stack->frames[i], false, width);
	if (first > 0)
		write_elided(page, first - LEAVES, "frame");
	for (size_t i = first; i < end; i++)
		write_frame(page, &stack->frames[i], i == culprit->depth, width);
	write_elided(page, stack->count - end, "caller");
}

static void write_culprit(const struct page *page, const struct finding *finding)
{
	static const char *const classes[] = {
		[CLASS_APPLICATION] = "application code",
		[CLASS_DEPENDENCY] = "a dependency",
		[CLASS_RUNTIME] = "the language runtime's library",
		[CLASS_NATIVE_LIBRARY] = "a native library",
	};
	const struct culprit *culprit = &finding->culprit;

	write_label(page, "culprit");
	style(page, BOLD);
	render_quoted(page->out, culprit->function);
	style(page, RESET);
	fputs(" in ", page->out);
	if (culprit->file[0] != '\0') {
		render_quoted(page->out, culprit->file);
		write_position(page->out, culprit->line, culprit->column);
		write_generated(page->out, culprit->generated);
	} else {
		render_quoted(page->out, culprit->module ? culprit->module : "an unknown file");
	}
	fprintf(page->out, ", %s\n", classes[culprit->frame_class]);
	write_label(page, "share");
	fprintf(page->out, "%.0f %% of the stalled time in %llu sample%s; %.0f %% of all stalls\n",
		culprit->share * 100, (unsigned long long)finding->stall.samples,
		finding->stall.samples == 1 ? "" : "s", culprit->share_of_kind * 100);
}

static void write_stalls(const struct page *page, const struct finding *finding)
{
	const struct stall_figures *stall = &finding->stall;

	write_label(page, "stalls");
	fprintf(page->out, "%llu, together ", (unsigned long long)stall->count);
	write_duration(page->out, stall->total_ms);
	fputs("; longest ", page->out);
	write_duration(page->out, stall->max_ms);
	fputs(", median ", page->out);
	write_duration(page->out, stall->p50_ms);
	fputs(", 99th percentile ", page->out);
	write_duration(page->out, stall->p99_ms);
	fputc('\n', page->out);
	if (stall->unfinished_ms > 0) {
		write_label(page, "");
		fputs("one had not ended after ", page->out);
		write_duration(page->out, stall->unfinished_ms);
		fputs(", when the recording did\n", page->out);
	}
}

/* Where the time went, where it went several ways: "on-cpu 80 %, runqueue 20 %". */
static void write_shares(const struct page *page, const struct stall_figures *stall)
{
	const char *before = "";
	int ways = 0;

	for (int cause = 0; cause < CAUSES; cause++)
		ways += stall->shares[cause] >= LEAST_SHARE;
	if (ways < 2)
		return;
	write_label(page, "time");
	for (int cause = 0; cause < CAUSES; cause++) {
		if (stall->shares[cause] < LEAST_SHARE)
			continue;
		fprintf(page->out, "%s%s %.0f %%", before,
			finding_cause_name((enum finding_cause)cause), stall->shares[cause] * 100);
		before = ", ";
	}
	fputc('\n', page->out);
}

static void write_loop_name(FILE *out, const struct loop *loop)
{
	fputs("thread ", out);
	render_quoted(out, loop->record.thread ? loop->record.thread : "?");
	fprintf(out, " (tid %u)", loop->record.tid);
}

static void write_finding(const struct page *page, const struct finding *finding)
{
	style(page, severity_style(finding->severity));
	fputs(severity_word(finding->severity), page->out);
	style(page, RESET);
	fputs("  ", page->out);
	style(page, BOLD);
	render_quoted(page->out, finding->summary);
	style(page, RESET);
	fputs("\n\n", page->out);

	write_label(page, "cause");
	fputs(finding_cause_name(finding->cause), page->out);
	if (finding->stall.syscall)
		fprintf(page->out, " in %s", finding->stall.syscall);
	if (finding->stall.on) {
		fputs(finding->cause == CAUSE_RUNQUEUE ? " behind " : " on ", page->out);
		render_quoted(page->out, finding->stall.on);
	}
	fprintf(page->out, ", confidence %.2f\n", finding->confidence);
	if (finding->has_culprit)
		write_culprit(page, finding);
	write_stalls(page, finding);
	write_shares(page, &finding->stall);
	if (finding->loop) {
		write_label(page, "loop");
		write_loop_name(page->out, finding->loop);
		fputc('\n', page->out);
	}
	if (finding->has_culprit && finding->culprit.stack)
		write_stack(page, &finding->culprit);
	fputc('\n', page->out);
}

static void write_observed(const struct page *page, const struct diagnosis *diagnosis)
{
	const struct record_head *head = &diagnosis->recording->head;
	const char *what =
		head->runtime && head->runtime[0] != '\0' ? head->runtime : head->program;

	style(page, BOLD);
	fputs("Observed", page->out);
	style(page, RESET);
	fputs("  ", page->out);
	render_quoted(page->out, what && what[0] != '\0' ? what : "a process");
	fprintf(page->out, ", pid %u, for %.1f s", head->pid, diagnosis->seconds);
	fprintf(page->out, "; a turn longer than %.0f ms is a stall\n",
		(double)head->threshold_ns / 1e6);
	for (size_t i = 0; i < diagnosis->loop_count; i++) {
		const struct loop_figures *loop = &diagnosis->loops[i];

		fputs("  ", page->out);
		write_loop_name(page->out, loop->loop);
		if (loop->turns == 0) {
			fputs(": no turn ended\n", page->out);
			continue;
		}
		fprintf(page->out, ": %llu turns, busy %.1f %% of the time; ",
			(unsigned long long)loop->turns, loop->utilisation * 100);
		if (!isnan(loop->p50_ms)) {
			fputs("median ", page->out);
			write_duration(page->out, loop->p50_ms);
			fputs(", 99th percentile ", page->out);
			write_duration(page->out, loop->p99_ms);
			fputs(", ", page->out);
		}
		fputs("longest ", page->out);
		write_duration(page->out, loop->max_ms);
		fputc('\n', page->out);
	}
}

static void write_unobserved(const struct page *page, const struct diagnosis *diagnosis)
{
	if (diagnosis->not_observed_count == 0)
		return;
	style(page, BOLD);
	fputs("Not observed", page->out);
	style(page, RESET);
	fputc('\n', page->out);
	for (size_t i = 0; i < diagnosis->not_observed_count; i++) {
		fputs("  ", page->out);
		render_quoted(page->out, diagnosis->not_observed[i]);
		fputc('\n', page->out);
	}
}

void render_text(FILE *out, const struct diagnosis *diagnosis, const struct text_options *options)
{
	struct page page = {.out = out, .color = options->color, .recording = diagnosis->recording};
	size_t shown = 0;

	while (shown < diagnosis->finding_count &&
		(options->all || diagnosis->findings[shown].severity > SEVERITY_INFO))
		write_finding(&page, &diagnosis->findings[shown++]);
	if (shown == 0)
		fputs(diagnosis->loop_count > 0
				? "Nothing to report: no stalls that matter were observed.\n"
				: "Nothing to report: no event loop was observed.\n",
			out);
	if (shown < diagnosis->finding_count)
		fprintf(out, "%zu finding%s of severity info: --all shows %s.\n",
			diagnosis->finding_count - shown,
			diagnosis->finding_count - shown == 1 ? "" : "s",
			diagnosis->finding_count - shown == 1 ? "it" : "them");
	if (shown == 0 || shown < diagnosis->finding_count)
		fputc('\n', out);
	write_observed(&page, diagnosis);
	write_unobserved(&page, diagnosis);
}
