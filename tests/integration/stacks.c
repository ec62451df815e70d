/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stacks.c - prints what a recording holds, symbolised, one line a thing, for the integration
 * tests:
 *
 *     head PROGRAM RUNTIME UNWINDER
 *     lost KIND COUNT
 *     loop ID TID WAIT
 *     stall ID DURATION_MS ended|unfinished startup|running SAMPLES MISSED
 *     sample STALL WEIGHT_MS complete|truncated FRAME;FRAME;...
 *
 * Fields are separated by tabs. Frames stand innermost first, each as FUNCTION@MODULE:LINE (a
 * script's function has its file as the module). A stack is truncated if the recording says so.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recording.h"
#include "symbol.h"

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void print_frame(const struct frame *frame)
{
	const char *name = frame->function ? frame->function->name : "";
	const char *module = "";

	if (frame->mapping)
		module = frame->mapping->record.path;
	if (frame->kind != FRAME_NATIVE && frame->function)
		module = frame->function->file;
	printf("%s@%s:%" PRIu32, name, base_name(module ? module : ""), frame->line);
}

static void print_sample(const struct sample *sample)
{
	const struct stack *stack = sample->stack;
	bool complete = stack && stack->count > 0;

	for (size_t i = 0; stack && i < stack->count; i++)
		complete = complete && stack->frames[i].kind != FRAME_TRUNCATED;
	printf("sample\t%" PRIu64 "\t%.3f\t%s\t", sample->record.stall,
		(double)sample->record.weight_ns / 1e6, complete ? "complete" : "truncated");
	for (size_t i = 0; stack && i < stack->count; i++) {
		if (i)
			putchar(';');
		print_frame(&stack->frames[i]);
	}
	putchar('\n');
}

static void print_recording(const struct recording *recording)
{
	printf("head\t%s\t%s\t%s\n", recording->head.program, recording->head.runtime,
		recording->head.unwinder);
	for (int kind = 0; kind < LOSS_KINDS; kind++)
		if (recording->lost[kind])
			printf("lost\t%d\t%" PRIu64 "\n", kind, recording->lost[kind]);
	for (size_t i = 0; i < recording->loop_count; i++) {
		const struct record_loop *loop = &recording->loops[i]->record;

		printf("loop\t%" PRIu32 "\t%" PRIu32 "\t%d\n", loop->id, loop->tid, loop->wait);
	}
	for (size_t i = 0; i < recording->stall_count; i++) {
		const struct record_stall *stall = &recording->stalls[i].record;

		printf("stall\t%" PRIu64 "\t%.3f\t%s\t%s\t%" PRIu32 "\t%" PRIu32 "\n", stall->id,
			(double)stall->duration_ns / 1e6, stall->ended ? "ended" : "unfinished",
			stall->startup ? "startup" : "running", stall->samples,
			stall->samples_missed);
	}
	for (size_t i = 0; i < recording->sample_count; i++)
		print_sample(&recording->samples[i]);
}

int main(int argc, char **argv)
{
	struct symbol_options options = {0};
	struct symbol_report report;
	struct recording *recording;
	int error;

	if (argc != 2) {
		fprintf(stderr, "usage: stacks FILE\n");
		return 2;
	}
	error = recording_load(&recording, argv[1]);
	if (error) {
		fprintf(stderr, "stacks: %s: %s\n", argv[1],
			error <= RECORDING_NOT_ONE ? recording_complaint(error) : strerror(-error));
		return 1;
	}
	error = symbol_recording(recording, &options, &report);
	if (error) {
		fprintf(stderr, "stacks: %s: %s\n", argv[1], strerror(-error));
		return 1;
	}
	print_recording(recording);
	recording_free(recording);
	return 0;
}
