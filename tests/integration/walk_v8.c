/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk_v8.c - a test's own view of a running Node process: stops a thread, copies its registers and
 * stack, and prints what src/lang makes of it, sample by sample. Native frames are stepped by frame
 * pointers only, so that a broken chain is met as often as possible; real unwinding is
 * src/unwind's.
 *
 *   walk_v8 PID TID SAMPLES INTERVAL_MS
 *
 * Prints, separated by tabs:
 *   runtime TEXT
 *   sample NUMBER
 *   js KIND DOUBT LINE COLUMN FUNCTION_LINE INLINED FUNCTION FILE
 *   native PC
 *   end WHY NANOSECONDS
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lang.h"

enum { STACK_BYTES = 64 << 10, FRAMES_MAX = 256, RESYNCS_MAX = 8, PAGES = 256, MAPS = 4096 };

struct walk {
	struct memory_process process;
	struct memory_cache cache;
	struct memory_page pages[PAGES];
	struct maps maps;
	struct map entries[MAPS];
	char names[1 << 20];
	struct arena arena;
	struct lang lang;
	uint8_t stack[STACK_BYTES];
};

static const char *const kinds[] = {"native", "interpreted", "baseline", "maglev", "turbofan",
	"builtin", "unknown", "python", "kernel", "truncated"};
static const char *const doubts[] = {
	"none", "no-position", "no-name", "line-approximate", "bridged", "depth"};

static uint64_t now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int stop(pid_t tid, struct user_regs_struct *ret)
{
	struct iovec registers = {ret, sizeof(*ret)};
	int status;

	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) || ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) ||
		waitpid(tid, &status, __WALL) != tid ||
		ptrace(PTRACE_GETREGSET, tid, (void *)1 /* NT_PRSTATUS */, &registers))
		return -errno;
	return 0;
}

static void sample_take(
	struct walk *walk, const struct user_regs_struct *registers, struct unwind_sample *ret)
{
	int64_t length;

	*ret = (struct unwind_sample){.stack_start = registers->rsp, .bytes = walk->stack};
	ret->registers[5] = registers->rdi;
	ret->registers[UNWIND_RBP] = registers->rbp;
	ret->registers[UNWIND_RSP] = registers->rsp;
	ret->registers[UNWIND_RIP] = registers->rip;
	length = walk->process.memory.read(
		&walk->process.memory, registers->rsp, walk->stack, STACK_BYTES);
	ret->length = length > 0 ? (size_t)length : 0;
}

/* The next frame up by the frame pointer alone. */
static int step_native(
	struct walk *walk, const struct unwind_sample *sample, struct unwind_frame *frame)
{
	const struct map *map;
	uint64_t fp, pc;

	if (frame->fp & 7 || frame->fp < frame->sp || !unwind_stack_u64(sample, frame->fp, &fp) ||
		!unwind_stack_u64(sample, frame->fp + 8, &pc))
		return -EINVAL;
	map = maps_find(&walk->maps, pc);
	if (!map || !(map->protection & MAP_EXECUTE))
		return -EINVAL;
	*frame = (struct unwind_frame){.pc = pc, .fp = fp, .sp = frame->fp + 16};
	return 0;
}

static void print_frame(struct walk *walk, const struct unwind_sample *sample,
	const struct unwind_frame *frame, bool innermost)
{
	struct lang_frame frames[LANG_INLINE_MAX];
	size_t count;

	if (!walk->lang.ops->owns(walk->lang.state, frame->pc)) {
		printf("native\t%" PRIx64 "\n", frame->pc);
		return;
	}
	count = walk->lang.ops->frame(walk->lang.state, sample, frame, innermost, frames);
	for (size_t i = 0; i < count; i++)
		printf("js\t%s\t%s\t%u\t%u\t%u\t%d\t%s\t%s\n", kinds[frames[i].kind],
			doubts[frames[i].doubt], frames[i].line, frames[i].column,
			frames[i].function_line, frames[i].inlined, frames[i].function,
			frames[i].file);
}

/* Walks the stack into frames; returns their number and why it ended. */
static size_t find_frames(struct walk *walk, const struct unwind_sample *sample,
	struct unwind_frame *frames, const char **ret_why)
{
	struct unwind_frame frame = {
		.pc = sample->registers[UNWIND_RIP],
		.sp = sample->registers[UNWIND_RSP],
		.fp = sample->registers[UNWIND_RBP],
	};
	size_t count = 0, owned_end = 0;
	int resyncs = 0;

	while (count < FRAMES_MAX) {
		bool owned = walk->lang.ops->owns(walk->lang.state, frame.pc);
		int error;

		frames[count++] = frame;
		if (owned) {
			owned_end = count;
			error = walk->lang.ops->step(walk->lang.state, sample, &frame, &frame);
		} else {
			error = step_native(walk, sample, &frame);
		}
		if (error == -ENOENT) {
			*ret_why = "bottom";
			return count;
		}
		if (!error)
			continue;
		/* What native frames led here was no chain: V8's part begins above the last of its
		 * frames. */
		if (walk->lang.ops->resync(walk->lang.state, sample,
			    owned_end ? frames[owned_end - 1].fp + 16
				      : sample->registers[UNWIND_RSP],
			    &frame) ||
			resyncs++ == RESYNCS_MAX) {
			*ret_why = "broken";
			return count;
		}
		count = owned_end;
	}
	*ret_why = "full";
	return count;
}

static void print_sample(struct walk *walk, const struct unwind_sample *sample,
	const struct unwind_frame *frames, size_t count, const char *why)
{
	uint64_t begin;

	begin = now_ns();
	for (size_t i = 0; i < count; i++)
		print_frame(walk, sample, &frames[i], i == 0);
	printf("end\t%s\t%" PRIu64 "\n", why, now_ns() - begin);
}

static int walk_once(struct walk *walk, pid_t tid)
{
	struct unwind_frame frames[FRAMES_MAX];
	struct user_regs_struct registers = {0};
	struct unwind_sample sample;
	const char *why = "";
	size_t count;
	int error = stop(tid, &registers);

	if (error)
		return error;
	sample_take(walk, &registers, &sample);
	memory_cache_drop(&walk->cache);
	count = find_frames(walk, &sample, frames, &why);
	print_sample(walk, &sample, frames, count, why);
	ptrace(PTRACE_DETACH, tid, NULL, NULL);
	return 0;
}

static int open_target(struct walk *walk, pid_t pid)
{
	struct lang_target target = {
		.memory = &walk->cache.memory,
		.maps = &walk->maps,
		.pid = pid,
		.arena = &walk->arena,
	};
	const char *reason = "no known runtime";
	int error;

	memory_process_init(&walk->process, pid);
	memory_cache_init(&walk->cache, &walk->process.memory, walk->pages, PAGES);
	maps_init(&walk->maps, walk->entries, MAPS, walk->names, sizeof(walk->names));
	error = maps_load(&walk->maps, pid);
	if (!error)
		error = arena_init(&walk->arena, 4 << 20);
	if (!error)
		error = lang_open(&walk->lang, &target, &reason);
	if (error)
		fprintf(stderr, "walk_v8: process %d: %s (%s)\n", pid, strerror(-error), reason);
	return error;
}

int main(int argc, char **argv)
{
	static struct walk walk;
	unsigned interval_ms;
	int samples;
	pid_t pid;

	if (argc < 5) {
		fprintf(stderr, "usage: walk_v8 PID TID SAMPLES INTERVAL_MS\n");
		return 2;
	}
	pid = atoi(argv[1]);
	samples = atoi(argv[3]);
	interval_ms = (unsigned)atoi(argv[4]);
	if (open_target(&walk, pid))
		return 1;
	printf("runtime\t%s\n", walk.lang.ops->runtime(walk.lang.state));
	for (int i = 0; i < samples; i++) {
		int error;

		usleep(interval_ms * 1000);
		if (maps_load(&walk.maps, pid))
			return 1;
		walk.lang.ops->refresh(walk.lang.state);
		printf("sample\t%d\n", i);
		error = walk_once(&walk, atoi(argv[2]));
		if (error) {
			fprintf(stderr, "walk_v8: thread %s: %s\n", argv[2], strerror(-error));
			return 1;
		}
	}
	return 0;
}
