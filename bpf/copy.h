/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * copy.h - the memory of a process that goes with a sample: registers, the top of the stack, and
 * the pieces that a language's chase leads to. Only the current task's memory can be read, and only
 * what is in RAM: what is not is left out, which the tool sees by the lengths and the count.
 *
 * Data: registers, memory of the current task, struct stall_chase -> struct stall_sample.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

#include <bpf/bpf_tracing.h>

#include "kernel.h"
#include "stall.h"

enum {
	PAGE = 4096,
	RED_ZONE = 128,
	CHAINED_CALLS_MAX = 16, /* structures of the outer chain */
};

/* In DWARF's order. A macro, because the verifier wants to see each field of a context read as
 * such. */
#define COPY_REGISTERS(to, from)                                                                   \
	do {                                                                                       \
		(to)[0] = (from).rax;                                                              \
		(to)[1] = (from).rdx;                                                              \
		(to)[2] = (from).rcx;                                                              \
		(to)[3] = (from).rbx;                                                              \
		(to)[4] = (from).rsi;                                                              \
		(to)[5] = (from).rdi;                                                              \
		(to)[6] = (from).rbp;                                                              \
		(to)[7] = (from).rsp;                                                              \
		(to)[8] = (from).r8;                                                               \
		(to)[9] = (from).r9;                                                               \
		(to)[10] = (from).r10;                                                             \
		(to)[11] = (from).r11;                                                             \
		(to)[12] = (from).r12;                                                             \
		(to)[13] = (from).r13;                                                             \
		(to)[14] = (from).r14;                                                             \
		(to)[15] = (from).r15;                                                             \
		(to)[16] = (from).rip;                                                             \
	} while (0)

static __always_inline void copy_registers(
	struct task_struct *task, struct bpf_perf_event_data *context, struct stall_sample *sample)
{
	struct pt_regs entered = {};

	/* In the kernel (highest bit) the thread's own registers are those that it entered with. */
	if ((__s64)context->regs.rip < 0) {
		bpf_probe_read_kernel(&entered, sizeof(entered), (void *)bpf_task_pt_regs(task));
		COPY_REGISTERS(sample->registers, entered);
	} else {
		COPY_REGISTERS(sample->registers, context->regs);
	}
}

/* Page by page: what lies behind the stack's last page is not readable. */
static __always_inline void copy_stack(struct stall_sample *sample, __u64 sp)
{
	__u64 start = sp - RED_ZONE;
	__u32 length = PAGE - (start & (PAGE - 1));

	sample->stack_start = start;
	sample->stack_length = 0;
	if (bpf_probe_read_user(sample->stack, length, (void *)start))
		return;
	for (int i = 0; i < STALL_STACK_BYTES / PAGE - 1; i++) {
		/* The compiler knows the limit and would drop the check, which the verifier needs.
		 */
		barrier_var(length);
		if (length > STALL_STACK_BYTES - PAGE ||
			bpf_probe_read_user(sample->stack + length, PAGE, (void *)(start + length)))
			break;
		length += PAGE;
	}
	sample->stack_length = length;
}

/* Copies a piece of memory. Returns 0, or -1 if there is no room or it cannot be read. */
static __always_inline int copy_piece(struct stall_sample *sample, __u64 address)
{
	__u32 i = sample->pieces_count, length = PAGE - (address & (PAGE - 1));
	struct stall_piece *piece;

	if (i >= STALL_PIECES)
		return -1;
	piece = &sample->pieces[i];
	if (bpf_probe_read_user(piece->bytes, STALL_PIECE_BYTES, (void *)address)) {
		/* Perhaps the page after it is none. */
		if (length >= STALL_PIECE_BYTES)
			return -1;
		__builtin_memset(piece->bytes, 0, STALL_PIECE_BYTES);
		if (bpf_probe_read_user(piece->bytes, length, (void *)address))
			return -1;
	}
	piece->address = address;
	sample->pieces_count = i + 1;
	return 0;
}

static __always_inline __u64 user_word(__u64 address)
{
	__u64 word = 0;

	bpf_probe_read_user(&word, sizeof(word), (void *)address);
	return word;
}

static __always_inline int is_tagged(__u64 word)
{
	return (word & 3) == 1;
}

static __always_inline void chase_frames(
	struct stall_sample *sample, const struct stall_chase *chase, __u64 fp)
{
	for (int i = 0; i < STALL_PIECES; i++) {
		__u64 object = user_word(fp + (__s64)chase->object), next;

		if (is_tagged(object) && is_tagged(user_word(fp + (__s64)chase->witness)))
			copy_piece(sample, object - 1);
		next = user_word(fp);
		if (next <= fp)
			break;
		fp = next;
	}
}

static __always_inline void chase_chain(
	struct stall_sample *sample, const struct stall_chase *chase, __u64 anchor)
{
	__u64 at, outer;

	if (!anchor || copy_piece(sample, anchor + chase->first))
		return;
	at = user_word(anchor + chase->first);
	if (chase->has_outer) {
		outer = at;
		at = user_word(outer + chase->outer_first);
		for (int i = 0; i < CHAINED_CALLS_MAX && outer; i++) {
			if (copy_piece(sample, outer))
				break;
			outer = user_word(outer + chase->outer_next);
		}
	}
	for (int i = 0; i < STALL_PIECES && at; i++) {
		if (copy_piece(sample, at))
			break;
		at = user_word(at + chase->next);
	}
}
