/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.c - a diagnosis as one JSON object, for programs. The shape is documented in
 * holter-diagnose(1): members are added, never renamed; what is not known is null.
 *
 * Tier C. Data: struct diagnosis -> stream.
 */

#include "json_writer.h"
#include "render.h"

enum { STACK_MAX = 64, STACK_CALLERS = 8 };

static const char *known(const char *text)
{
	return text && text[0] != '\0' ? text : NULL;
}

static void write_line(struct json_writer *json, const char *name, uint32_t line)
{
	if (line > 0)
		json_writer_integer(json, name, line);
	else
		json_writer_null(json, name);
}

static void write_generated(struct json_writer *json, const struct generated *generated)
{
	if (!generated)
		return;
	json_writer_open_row(json, "generated");
	json_writer_text(json, "function", known(generated->function->name));
	json_writer_text(json, "file", known(generated->function->file));
	write_line(json, "line", generated->line);
	write_line(json, "column", generated->column);
	json_writer_close_object(json);
}

static void write_startup(struct json_writer *json, const struct startup_figures *startup)
{
	json_writer_open_row(json, "startup");
	json_writer_integer(json, "count", startup->turns);
	json_writer_number(json, "total_ms", startup->total_ms, 1);
	json_writer_number(json, "max_ms", startup->max_ms, 1);
	json_writer_close_object(json);
}

static void write_not_observed(struct json_writer *json, const struct diagnosis *diagnosis)
{
	json_writer_open_array(json, "not_observed");
	for (size_t i = 0; i < diagnosis->not_observed_count; i++)
		json_writer_text(json, NULL, diagnosis->not_observed[i]);
	json_writer_close_array(json);
}

static void write_recording(struct json_writer *json, const struct diagnosis *diagnosis)
{
	static const char *const modes[] = {
		[MODE_UNKNOWN] = NULL, [MODE_PRELOAD] = "preload", [MODE_ATTACH] = "attach"};
	const struct recording *recording = diagnosis->recording;
	uint64_t samples = recording->lost[LOSS_SAMPLE_SLOT] +
			   recording->lost[LOSS_SAMPLE_TIMEOUT] +
			   recording->lost[LOSS_SAMPLE_STACK];

	json_writer_open_object(json, "recording");
	json_writer_integer(json, "pid", recording->head.pid);
	json_writer_text(json, "runtime", known(recording->head.runtime));
	json_writer_text(json, "mode",
		recording->head.mode <= MODE_ATTACH ? modes[recording->head.mode] : NULL);
	json_writer_number(json, "seconds", diagnosis->seconds, 3);
	json_writer_open_row(json, "lost");
	json_writer_integer(json, "samples", samples);
	json_writer_integer(
		json, "blocks", recording->blocks_lost + recording->lost[LOSS_BLOCK_WRITE]);
	json_writer_close_object(json);
	write_startup(json, &diagnosis->startup);
	write_not_observed(json, diagnosis);
	json_writer_close_object(json);
}

/* Innermost first. A deep stack is cut to a window that holds the culprit and its next callers. */
static void write_stack(
	struct json_writer *json, const struct culprit *culprit, struct recording *recording)
{
	size_t first = 0;

	json_writer_open_array(json, "stack");
	if (culprit->depth + STACK_CALLERS > STACK_MAX)
		first = culprit->depth + STACK_CALLERS - STACK_MAX;
	for (size_t i = first; i < culprit->stack->count && i < first + STACK_MAX; i++) {
		const struct frame *frame = &culprit->stack->frames[i];

		json_writer_open_row(json, NULL);
		json_writer_text(json, "function", frame_name(frame, recording));
		json_writer_text(json, "file", known(frame_file(frame)));
		write_line(json, "line", frame->line);
		if (frame_module(frame))
			json_writer_text(json, "module", frame_module(frame));
		write_generated(json, frame->generated);
		json_writer_close_object(json);
	}
	json_writer_close_array(json);
}

static void write_culprit(
	struct json_writer *json, const struct finding *finding, struct recording *recording)
{
	static const char *const bases[] = {[BASIS_SYNC] = "sync",
		[BASIS_AWAIT_CHAIN] = "await-chain",
		[BASIS_OPENER] = "opener"};
	const struct culprit *culprit = &finding->culprit;

	if (!finding->has_culprit) {
		json_writer_null(json, "culprit");
		return;
	}
	json_writer_open_object(json, "culprit");
	json_writer_text(json, "function", culprit->function);
	json_writer_text(json, "file", known(culprit->file));
	write_line(json, "line", culprit->line);
	write_line(json, "column", culprit->column);
	write_line(json, "function_line", culprit->function_line);
	json_writer_text(json, "module", known(culprit->module));
	write_generated(json, culprit->generated);
	json_writer_text(json, "basis", bases[culprit->basis]);
	json_writer_number(json, "share", culprit->share, 3);
	json_writer_number(json, "share_of_kind", culprit->share_of_kind, 3);
	write_stack(json, culprit, recording);
	json_writer_close_object(json);
}

static void write_loop(struct json_writer *json, const struct loop *loop)
{
	if (!loop) {
		json_writer_null(json, "loop");
		return;
	}
	json_writer_open_row(json, "loop");
	json_writer_integer(json, "tid", loop->record.tid);
	json_writer_text(json, "thread", known(loop->record.thread));
	json_writer_close_object(json);
}

static void write_stall(struct json_writer *json, const struct stall_figures *stall)
{
	json_writer_open_object(json, "stall");
	json_writer_integer(json, "count", stall->count);
	json_writer_number(json, "total_ms", stall->total_ms, 1);
	json_writer_number(json, "max_ms", stall->max_ms, 1);
	json_writer_number(json, "p50_ms", stall->p50_ms, 1);
	json_writer_number(json, "p99_ms", stall->p99_ms, 1);
	json_writer_number(json, "lost_share", stall->lost_share, 4);
	json_writer_number(json, "minute_share", stall->minute_share, 4);
	json_writer_text(json, "syscall", stall->syscall);
	json_writer_text(json, "on", stall->on);
	json_writer_open_row(json, "shares");
	for (int cause = CAUSE_ON_CPU; cause < CAUSES; cause++)
		json_writer_number(json, finding_cause_name((enum finding_cause)cause),
			stall->shares[cause], 3);
	json_writer_close_object(json);
	json_writer_close_object(json);
}

static void write_finding(
	struct json_writer *json, const struct finding *finding, struct recording *recording)
{
	json_writer_open_object(json, NULL);
	json_writer_integer(json, "id", finding->id);
	json_writer_text(json, "kind", finding_kind_name(finding->kind));
	json_writer_text(json, "cause", finding_cause_name(finding->cause));
	json_writer_text(json, "severity", severity_name(finding->severity));
	json_writer_number(json, "confidence", finding->confidence, 2);
	if (finding->because_of)
		json_writer_integer(json, "because_of", finding->because_of);
	else
		json_writer_null(json, "because_of");
	json_writer_text(json, "summary", finding->summary);
	write_culprit(json, finding, recording);
	write_loop(json, finding->loop);
	if (finding->kind == FINDING_STALL)
		write_stall(json, &finding->stall);
	json_writer_close_object(json);
}

void render_json(FILE *out, const struct diagnosis *diagnosis)
{
	struct json_writer json;

	json_writer_init(&json, out);
	json_writer_open_object(&json, NULL);
	json_writer_text(&json, "holter", HOLTER_VERSION);
	write_recording(&json, diagnosis);
	json_writer_open_array(&json, "findings");
	for (size_t i = 0; i < diagnosis->finding_count; i++)
		write_finding(&json, &diagnosis->findings[i], diagnosis->recording);
	json_writer_close_array(&json);
	json_writer_close_object(&json);
}
