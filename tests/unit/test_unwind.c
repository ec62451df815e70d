/* SPDX-License-Identifier: Apache-2.0 */
/* test_unwind.c - copied stacks: own ones, cut ones, ones without registers, and garbage. */
#include <alloca.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "suite.h"
#include "unwind.h"

enum { COPY_BYTES = 64 << 10, FRAMES = 64 };

static struct map entries[8192];
static char names[1 << 20];
static struct memory_page pages[256];
static struct memory_process own;
static struct memory_cache cache;
static struct maps maps;
static struct arena arena;
static struct unwinder *unwinder;

static uint8_t copy[COPY_BYTES];
static struct unwind_sample sample;
static struct unwind_frame frames[FRAMES];
static enum unwind_end end;

static void set_up(void)
{
	maps_init(&maps, entries, 8192, names, sizeof(names));
	ck_assert_int_eq(maps_load(&maps, getpid()), 0);
	memory_process_init(&own, getpid());
	memory_cache_init(&cache, &own.memory, pages, 256);
	ck_assert_int_eq(arena_init(&arena, 1 << 20), 0);
	ck_assert_int_eq(unwinder_open(&unwinder, &arena, &cache.memory, &maps, NULL), 0);
	ck_assert_str_eq(unwinder_name(unwinder), "libunwind");
	ck_assert_int_eq(maps_load(&maps, getpid()), 0);
}

static void tear_down(void)
{
	arena_done(&arena);
}

/* Copies the caller's registers and stack, as a signal handler does. */
static void take(void)
{
	static const int order[UNWIND_REGISTERS] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI,
		REG_RDI, REG_RBP, REG_RSP, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13,
		REG_R14, REG_R15, REG_RIP};
	const struct map *stack;
	ucontext_t context;

	getcontext(&context);
	sample = (struct unwind_sample){.bytes = copy};
	for (size_t i = 0; i < UNWIND_REGISTERS; i++)
		sample.registers[i] = (uint64_t)context.uc_mcontext.gregs[order[i]];
	sample.stack_start = sample.registers[UNWIND_RSP];
	stack = maps_find(&maps, sample.stack_start);
	ck_assert_ptr_nonnull(stack);
	sample.length = stack->end - sample.stack_start;
	if (sample.length > COPY_BYTES)
		sample.length = COPY_BYTES;
	memcpy(copy, (const void *)(uintptr_t)sample.stack_start, sample.length);
}

/* Three frames that must be found, in order. noipa: each stays a function of its own, with a frame
 * of its own kind. */
__attribute__((noipa)) static int inner(int depth)
{
	take();
	return depth + 1;
}

__attribute__((noipa, optimize("omit-frame-pointer"))) static int middle(int depth)
{
	return inner(depth) + 1;
}

__attribute__((noipa)) static int outer(int depth)
{
	/* Room of a size known only now: its frame is addressed by rbp. */
	volatile char *room = alloca((size_t)depth + 100);

	room[0] = 1;
	return middle(depth) + room[0];
}

static size_t find(uint64_t from, uint64_t length, size_t count, size_t at)
{
	for (; at < count; at++) {
		if (frames[at].pc > from && frames[at].pc <= from + length)
			return at;
	}
	return count;
}

static void check_chain(size_t count)
{
	size_t at = find((uint64_t)(uintptr_t)inner, 64, count, 0);

	ck_assert_uint_lt(at, count);
	ck_assert_uint_eq(find((uint64_t)(uintptr_t)middle, 64, count, 0), at + 1);
	ck_assert_uint_eq(find((uint64_t)(uintptr_t)outer, 256, count, 0), at + 2);
}

START_TEST(a_copied_stack_is_walked_to_its_root)
{
	size_t count;

	outer(_i * 1000);
	count = unwind(unwinder, &sample, NULL, frames, FRAMES, &end);
	ck_assert_int_eq(end, UNWIND_COMPLETE);
	check_chain(count);
	for (size_t i = 0; i < count; i++) {
		ck_assert(!frames[i].bridged);
		ck_assert(!i || frames[i].sp > frames[i - 1].sp);
	}
}
END_TEST

START_TEST(without_registers_the_chain_is_found_by_what_called_it)
{
	size_t count;

	outer(_i * 1000);
	memset(sample.registers, 0x5a, UNWIND_RSP * sizeof(uint64_t));
	memset(sample.registers + UNWIND_RSP + 1, 0x5a,
		(UNWIND_RIP - UNWIND_RSP - 1) * sizeof(uint64_t));
	sample.registers_partial = true;
	count = unwind(unwinder, &sample, NULL, frames, FRAMES, &end);
	ck_assert_int_eq(end, UNWIND_COMPLETE);
	check_chain(count);
}
END_TEST

START_TEST(a_cut_copy_says_so)
{
	size_t count;

	outer(0);
	unwind(unwinder, &sample, NULL, frames, FRAMES, &end);
	sample.length = frames[2].sp - sample.stack_start;
	count = unwind(unwinder, &sample, NULL, frames, FRAMES, &end);
	ck_assert_uint_eq(count, 3);
	ck_assert_int_eq(end, UNWIND_FULL);
	outer(0);
	count = unwind(unwinder, &sample, NULL, frames, 3, &end);
	ck_assert_uint_eq(count, 3);
	ck_assert_int_eq(end, UNWIND_FULL);
}
END_TEST

/* Hazard 7: whatever the registers and the stack hold, a walk ends, inside its bounds. */
START_TEST(hazard_07_garbage_ends)
{
	uint64_t words[COPY_BYTES / 8];

	srand(_i + 1);
	outer(0);
	memcpy(words, copy, sizeof(words));
	for (int round = 0; round < 300; round++) {
		size_t changes = (size_t)rand() % 400;

		memcpy(copy, words, sizeof(words));
		for (size_t i = 0; i < changes; i++) {
			uint64_t value = ((uint64_t)rand() << 32) ^ (uint64_t)rand();
			size_t at = (size_t)rand() % (sample.length / 8);

			if (i % 3 == 0)
				value = sample.stack_start + value % sample.length;
			else if (i % 3 == 1)
				value = (uint64_t)(uintptr_t)inner + value % 4096;
			memcpy(copy + at * 8, &value, 8);
		}
		sample.registers[UNWIND_RBP] =
			sample.stack_start + (uint64_t)rand() % (2 * sample.length);
		sample.registers_partial = round & 1;
		ck_assert_uint_le(unwind(unwinder, &sample, NULL, frames, FRAMES, &end), FRAMES);
	}
}
END_TEST

/* A made-up runtime: it owns `middle`, and steps it as its frame demands. */
static bool owns_middle(void *context, uint64_t pc)
{
	(void)context;
	return pc > (uint64_t)(uintptr_t)middle && pc <= (uint64_t)(uintptr_t)middle + 64;
}

static int step_middle(void *context, const struct unwind_sample *taken,
	const struct unwind_frame *frame, struct unwind_frame *ret)
{
	int *steps = context;

	(*steps)++;
	for (uint64_t at = frame->sp; unwind_stack_u64(taken, at, &ret->pc); at += 8) {
		if (ret->pc > (uint64_t)(uintptr_t)outer &&
			ret->pc <= (uint64_t)(uintptr_t)outer + 256) {
			ret->sp = at + 8;
			ret->fp = frame->fp;
			return 0;
		}
	}
	return -EINVAL;
}

START_TEST(a_runtime_steps_its_own_frames)
{
	int steps = 0;
	struct unwind_runtime runtime = {
		.context = &steps, .owns = owns_middle, .step = step_middle};
	size_t count;

	outer(0);
	count = unwind(unwinder, &sample, &runtime, frames, FRAMES, &end);
	ck_assert_int_eq(end, UNWIND_COMPLETE);
	ck_assert_int_eq(steps, 1);
	check_chain(count);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("unwind");
	TCase *tests = tcase_create("unwind");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, a_copied_stack_is_walked_to_its_root, 0, 5);
	tcase_add_loop_test(tests, without_registers_the_chain_is_found_by_what_called_it, 0, 5);
	tcase_add_test(tests, a_cut_copy_says_so);
	tcase_add_loop_test(tests, hazard_07_garbage_ends, 0, 10);
	tcase_add_test(tests, a_runtime_steps_its_own_frames);
	suite_add_tcase(suite, tests);
	return suite;
}
