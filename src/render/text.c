/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.c - the verdict for a person: findings first, then what was observed and what was not.
 *
 * Tier C. Data: struct diagnosis -> stream. Every text from the target passes render_quoted.
 */
#include <math.h>

#include "page.h"
#include "render.h"
#include "text_observed.h"
#include "text_stack.h"

static const double LEAST_SHARE = 0.02; /* that is worth a word */

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

/* Where the code that ran stands, behind where it was written: " (dist/main.js:1:10771)". */
static void write_generated(const struct page *page, const struct generated *generated)
{
	if (!generated)
		return;
	fputs(" (", page->out);
	render_quoted(page->out, generated->function->file);
	page_position(page, generated->line, generated->column);
	fputc(')', page->out);
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

	page_label(page, "culprit");
	page_style(page, PAGE_BOLD);
	render_quoted(page->out, culprit->function);
	page_style(page, PAGE_RESET);
	fputs(" in ", page->out);
	if (culprit->file[0] != '\0') {
		render_quoted(page->out, culprit->file);
		page_position(page, culprit->line, culprit->column);
		write_generated(page, culprit->generated);
	} else {
		render_quoted(page->out, culprit->module ? culprit->module : "an unknown file");
	}
	fprintf(page->out, ", %s\n", classes[culprit->frame_class]);
	page_label(page, "share");
	fprintf(page->out, "%.0f %% of the stalled time in ", culprit->share * 100);
	page_count(page, finding->stall.samples, "sample");
	fprintf(page->out, "; %.0f %% of all stalls\n", culprit->share_of_kind * 100);
}

static void write_stalls(const struct page *page, const struct finding *finding)
{
	const struct stall_figures *stall = &finding->stall;

	if (stall->count == 1) {
		page_label(page, "stall");
		if (stall->since_attach)
			fputs("at least ", page->out);
		page_duration(page, stall->max_ms);
		if (stall->unfinished_ms > 0)
			fputs(", and had not ended when the recording did", page->out);
		fputc('\n', page->out);
		return;
	}
	page_label(page, "stalls");
	fprintf(page->out, "%llu, together ", (unsigned long long)stall->count);
	page_duration(page, stall->total_ms);
	fputs("; longest ", page->out);
	page_duration(page, stall->max_ms);
	fputs(", median ", page->out);
	page_duration(page, stall->p50_ms);
	fputs(", 99th percentile ", page->out);
	page_duration(page, stall->p99_ms);
	fputc('\n', page->out);
	if (stall->since_attach) {
		page_label(page, "");
		fputs("one went on already when watching began, and is counted from there\n",
			page->out);
	}
	if (stall->unfinished_ms > 0) {
		page_label(page, "");
		fputs("one had not ended after ", page->out);
		page_duration(page, stall->unfinished_ms);
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
	page_label(page, "time");
	for (int cause = 0; cause < CAUSES; cause++) {
		if (stall->shares[cause] < LEAST_SHARE)
			continue;
		fprintf(page->out, "%s%s %.0f %%", before,
			finding_cause_name((enum finding_cause)cause), stall->shares[cause] * 100);
		before = ", ";
	}
	fputc('\n', page->out);
}

static void write_finding(const struct page *page, const struct finding *finding)
{
	page_style(page, severity_style(finding->severity));
	fputs(severity_word(finding->severity), page->out);
	page_style(page, PAGE_RESET);
	fputs("  ", page->out);
	page_style(page, PAGE_BOLD);
	render_quoted(page->out, finding->summary);
	page_style(page, PAGE_RESET);
	fputs("\n\n", page->out);

	page_label(page, "cause");
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
		page_label(page, "loop");
		text_observed_loop(page, finding->loop);
		fputc('\n', page->out);
	}
	if (finding->has_culprit && finding->culprit.stack)
		text_stack_write(page, &finding->culprit);
	fputc('\n', page->out);
}

/* Who reads no further should know how much was seen. */
static void write_nothing(const struct page *page, const struct diagnosis *diagnosis)
{
	uint64_t stalls = 0;
	double longest_ms = 0;

	for (size_t i = 0; i < diagnosis->finding_count; i++) {
		const struct stall_figures *stall = &diagnosis->findings[i].stall;

		stalls += stall->count;
		longest_ms = fmax(longest_ms, stall->max_ms);
	}
	fputs("Nothing to report: ", page->out);
	if (stalls == 0) {
		fputs(diagnosis->loop_count > 0 ? "no stalls were observed.\n"
						: "no event loop was observed.\n",
			page->out);
		return;
	}
	page_count(page, stalls, "stall");
	fputs(stalls == 1 ? ", of " : ", the longest of ", page->out);
	page_duration(page, longest_ms);
	fputs(stalls == 1 ? ", is too little for a warning.\n"
			  : ", are too little for a warning.\n",
		page->out);
}

void render_text(FILE *out, const struct diagnosis *diagnosis, const struct text_options *options)
{
	struct page page = {.out = out, .color = options->color, .recording = diagnosis->recording};
	size_t shown = 0;

	while (shown < diagnosis->finding_count &&
		(options->all || diagnosis->findings[shown].severity > SEVERITY_INFO))
		write_finding(&page, &diagnosis->findings[shown++]);
	if (shown == 0)
		write_nothing(&page, diagnosis);
	if (shown < diagnosis->finding_count) {
		page_count(&page, diagnosis->finding_count - shown, "finding");
		fprintf(out, " of severity info: --all shows %s.\n",
			diagnosis->finding_count - shown == 1 ? "it" : "them");
	}
	if (shown == 0 || shown < diagnosis->finding_count)
		fputc('\n', out);
	text_observed_write(&page, diagnosis);
}
