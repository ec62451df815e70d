/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text_observed.c - see text_observed.h.
 *
 * Tier C. Data: struct diagnosis -> stream. Every text from the target passes render_quoted.
 */
#include "text_observed.h"

#include <math.h>
#include <string.h>

#include "render.h"

enum { THREADS_MAX = 4 }; /* of one name that have lines of their own */

static const char *name_of(const struct loop *loop)
{
	return loop->record.thread ? loop->record.thread : "";
}

static void write_name(const struct page *page, const struct loop *loop)
{
	if (name_of(loop)[0] == '\0')
		return;
	fputc(' ', page->out);
	render_quoted(page->out, name_of(loop));
}

void text_observed_loop(const struct page *page, const struct loop *loop)
{
	fputs(loop_is_main(loop, page->recording) ? "main thread" : "thread", page->out);
	write_name(page, loop);
	fprintf(page->out, " (tid %u)", loop->record.tid);
}

static void write_turns(const struct page *page, const struct loop_figures *loop, bool several)
{
	page_count(page, loop->turns, "turn");
	fprintf(page->out, ", busy %s%.1f %% of the time; ", several ? "up to " : "",
		loop->utilisation * 100);
	if (loop->turns > 1 && !isnan(loop->p50_ms)) {
		fputs("median ", page->out);
		page_duration(page, loop->p50_ms);
		fputs(", 99th percentile ", page->out);
		page_duration(page, loop->p99_ms);
		fputs(", ", page->out);
	}
	fputs("longest ", page->out);
	page_duration(page, loop->max_ms);
}

static void write_figures(const struct page *page, const struct loop_figures *loop, bool several)
{
	fputs(": ", page->out);
	if (loop->turns > 0)
		write_turns(page, loop, several);
	else
		fputs("no turn ended", page->out);
	if (loop->unfinished_ms > 0) {
		fputs("; a turn had not ended after ", page->out);
		page_duration(page, loop->unfinished_ms);
	}
	fputc('\n', page->out);
}

/* The turns of all, and the most of the rest. */
static void write_together(const struct page *page, const struct loop_figures *loops, size_t count)
{
	struct loop_figures all = {.p50_ms = NAN, .p99_ms = NAN};

	for (size_t i = 0; i < count; i++) {
		all.turns += loops[i].turns;
		all.utilisation = fmax(all.utilisation, loops[i].utilisation);
		all.max_ms = fmax(all.max_ms, loops[i].max_ms);
		all.unfinished_ms = fmax(all.unfinished_ms, loops[i].unfinished_ms);
	}
	fputs("  ", page->out);
	page_count(page, count, "more thread");
	write_name(page, loops->loop);
	write_figures(page, &all, true);
}

static size_t threads_of_one_name(
	const struct page *page, const struct loop_figures *loops, size_t count)
{
	size_t next = 1;

	while (next < count && !loop_is_main(loops->loop, page->recording) &&
		strcmp(name_of(loops[next].loop), name_of(loops->loop)) == 0)
		next++;
	return next;
}

static void write_loops(const struct page *page, const struct loop_figures *loops, size_t count)
{
	size_t own;

	for (size_t first = 0, run; first < count; first += run) {
		run = threads_of_one_name(page, &loops[first], count - first);
		/* A line for one is no shorter than its own. */
		own = run <= THREADS_MAX + 1 ? run : THREADS_MAX;
		for (size_t i = first; i < first + own; i++) {
			fputs("  ", page->out);
			text_observed_loop(page, loops[i].loop);
			write_figures(page, &loops[i], false);
		}
		if (own < run)
			write_together(page, &loops[first + own], run - own);
	}
}

static void write_startup(const struct page *page, const struct startup_figures *startup)
{
	if (startup->turns == 0)
		return;
	fputs("  start-up, which is no finding: ", page->out);
	page_count(page, startup->turns, "long turn");
	if (startup->turns > 1) {
		fputs(", together ", page->out);
		page_duration(page, startup->total_ms);
		fputs("; the longest", page->out);
	}
	fputs(" of ", page->out);
	page_duration(page, startup->max_ms);
	if (startup->unfinished_ms > 0) {
		fputs("; one had not ended after ", page->out);
		page_duration(page, startup->unfinished_ms);
	}
	fputc('\n', page->out);
}

static void write_unobserved(const struct page *page, const struct diagnosis *diagnosis)
{
	if (diagnosis->not_observed_count == 0)
		return;
	page_style(page, PAGE_BOLD);
	fputs("Not observed", page->out);
	page_style(page, PAGE_RESET);
	fputc('\n', page->out);
	for (size_t i = 0; i < diagnosis->not_observed_count; i++) {
		fputs("  ", page->out);
		render_quoted(page->out, diagnosis->not_observed[i]);
		fputc('\n', page->out);
	}
}

void text_observed_write(const struct page *page, const struct diagnosis *diagnosis)
{
	const struct record_head *head = &diagnosis->recording->head;
	const char *what =
		head->runtime && head->runtime[0] != '\0' ? head->runtime : head->program;

	page_style(page, PAGE_BOLD);
	fputs("Observed", page->out);
	page_style(page, PAGE_RESET);
	fputs("  ", page->out);
	render_quoted(page->out, what && what[0] != '\0' ? what : "a process");
	fprintf(page->out, ", pid %u, for %.1f s", head->pid, diagnosis->seconds);
	fprintf(page->out, "; a turn longer than %.0f ms is a stall\n",
		(double)head->threshold_ns / 1e6);
	write_loops(page, diagnosis->loops, diagnosis->loop_count);
	write_startup(page, &diagnosis->startup);
	write_unobserved(page, diagnosis);
}
