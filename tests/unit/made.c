/* SPDX-License-Identifier: Apache-2.0 */
/* made.c - recordings made by hand. */
#include "made.h"

#include <stdlib.h>
#include <string.h>

#include "pool.h"

enum { CAPACITY = 4096, POOL_BYTES = 256 << 20 };

static const uint64_t NS_PER_S = 1000000000;

struct recording *made_recording(const char *runtime, const char *program)
{
	struct recording *recording = calloc(1, sizeof(*recording));
	struct loop *loop;

	recording->pool = pool_new(POOL_BYTES);
	recording->head = (struct record_head){
		.holter_version = "0.1.0",
		.runtime = runtime,
		.program = program,
		.host = "test",
		.kernel = "6.1",
		.unwinder = "libunwind",
		.pid = 42,
		.cpus = 2,
		.mode = MODE_PRELOAD,
		.threshold_ns = 50 * MADE_MS,
		.interval_ns = 10 * MADE_MS,
	};
	recording->last_ns = 10 * NS_PER_S;
	recording->ended = true;
	recording->loops = recording_alloc(recording, CAPACITY * sizeof(void *));
	recording->mappings = recording_alloc(recording, CAPACITY * sizeof(void *));
	recording->stacks = recording_alloc(recording, CAPACITY * sizeof(void *));
	recording->resting = recording_alloc(recording, CAPACITY * sizeof(void *));
	recording->stalls = recording_alloc(recording, CAPACITY * sizeof(*recording->stalls));
	recording->samples = recording_alloc(recording, CAPACITY * sizeof(*recording->samples));
	recording->notes = recording_alloc(recording, CAPACITY * sizeof(*recording->notes));
	recording->turns = recording_alloc(recording, CAPACITY * sizeof(*recording->turns));
	loop = recording_alloc(recording, sizeof(*loop));
	loop->record =
		(struct record_loop){.id = 1, .tid = 42, .thread = "main", .wait = WAIT_EPOLL};
	recording->loops[recording->loop_count++] = loop;
	return recording;
}

void made_free(struct recording *recording)
{
	pool_free(recording->pool);
	free(recording);
}

static const struct mapping *find_mapping(struct recording *recording, const char *path)
{
	struct mapping *mapping;

	for (size_t i = 0; i < recording->mapping_count; i++) {
		if (strcmp(recording->mappings[i]->record.path, path) == 0)
			return recording->mappings[i];
	}
	mapping = recording_alloc(recording, sizeof(*mapping));
	mapping->record =
		(struct record_mapping){.path = path, .start = 0x400000, .bias = 0x400000};
	recording->mappings[recording->mapping_count++] = mapping;
	return mapping;
}

static struct function *new_function(
	struct recording *recording, const char *name, const char *file, uint32_t line)
{
	struct function *function = recording_alloc(recording, sizeof(*function));

	*function = (struct function){.name = name, .file = file, .line = line};
	return function;
}

static void parse_frame(struct recording *recording, struct frame *ret, char *text)
{
	char *file = strchr(text, '@'), *module = file ? NULL : strchr(text, '!'), *line;

	*ret = (struct frame){.kind = FRAME_TRUNCATED};
	if (strcmp(text, "|") == 0)
		return;
	if (text[0] == '~') {
		ret->doubt = DOUBT_BRIDGED;
		text++;
	}
	if (module) {
		*module++ = '\0';
		ret->kind = FRAME_NATIVE;
		ret->mapping = find_mapping(recording, module);
		ret->address = 0x400123;
		if (text[0] != '\0')
			ret->function = new_function(recording, text, "", 0);
		return;
	}
	line = file ? strrchr(file, ':') : NULL;
	if (!line)
		abort();
	*file++ = '\0';
	*line++ = '\0';
	ret->kind = FRAME_JS_INTERPRETED;
	ret->line = (uint32_t)strtoul(line, NULL, 10);
	ret->column = 3;
	ret->function =
		new_function(recording, strcmp(text, "()") == 0 ? "" : text, file, ret->line - 1);
}

struct stack *made_stack(struct recording *recording, const char *text)
{
	char *copy = recording_text(recording, text, strlen(text)), *rest = copy, *word;
	struct stack *stack = recording_alloc(recording, sizeof(*stack));

	stack->frames = recording_alloc(recording, (strlen(text) + 1) * sizeof(*stack->frames));
	while ((word = strsep(&rest, " ")))
		parse_frame(recording, &stack->frames[stack->count++], word);
	recording->stacks[recording->stack_count++] = stack;
	stack->id = (uint32_t)recording->stack_count;
	return stack;
}

void made_resting(struct recording *recording, const char *text)
{
	recording->resting[recording->resting_count++] = made_stack(recording, text);
}

struct stall *made_stall(
	struct recording *recording, double begin_ms, double duration_ms, double cpu_ms)
{
	struct stall *stall = &recording->stalls[recording->stall_count++];

	stall->loop = recording->loops[0];
	stall->holder = "";
	stall->first_sample = recording->sample_count;
	stall->record = (struct record_stall){
		.id = recording->stall_count,
		.loop = 1,
		.ended = true,
		.begin_ns = (uint64_t)(begin_ms * MADE_MS),
		.duration_ns = (uint64_t)(duration_ms * MADE_MS),
		.measured_ns = (uint64_t)(duration_ms * MADE_MS),
		.cpu_ns = (uint64_t)(cpu_ms * MADE_MS),
	};
	return stall;
}

struct sample *made_sample(
	struct recording *recording, const char *stack, double weight_ms, int syscall)
{
	struct stall *stall = &recording->stalls[recording->stall_count - 1];
	struct sample *sample = &recording->samples[recording->sample_count++];

	stall->sample_count++;
	stall->record.samples++;
	sample->stack = made_stack(recording, stack);
	sample->on = "";
	sample->record = (struct record_sample){
		.stall = stall->record.id,
		.loop = 1,
		.time_ns = stall->record.begin_ns + stall->sample_count * 10 * MADE_MS,
		.weight_ns = (uint64_t)(weight_ms * MADE_MS),
		.cpu_ns = syscall < 0 ? (uint64_t)(weight_ms * MADE_MS) : 0,
		.stack = sample->stack->id,
		.syscall = syscall,
	};
	return sample;
}

struct stall *made_plain(struct recording *recording, double begin_ms, double duration_ms,
	const char *stack, unsigned samples, int syscall)
{
	struct stall *stall =
		made_stall(recording, begin_ms, duration_ms, syscall < 0 ? duration_ms : 0);

	for (unsigned i = 0; i < samples; i++)
		made_sample(recording, stack, duration_ms / samples, syscall);
	return stall;
}
