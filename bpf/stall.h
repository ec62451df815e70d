/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stall.h - what the probes (stall.bpf.c) and the tool that loads them (src/attach) exchange. Both
 * are built from this file at once, and nothing of it is ever stored: there is no version.
 *
 * Settings go in (read-only data, and a struct stall_target a process). Out come: the loops, in a
 * map that the tool has mapped and reads as it likes, and records of samples and ended stalls in a
 * ring, in the order in which they happened on a thread.
 */
#pragma once

#include <linux/types.h>

enum {
	STALL_LOOPS_MAX = 128,
	/* Of src/base/histogram.h, which the loops' buckets are counted by. */
	STALL_BUCKETS = 37 << 7,
	STALL_REGISTERS = 17, /* DWARF's order: rax rdx rcx rbx rsi rdi rbp rsp r8..r15 rip */
	STALL_STACK_BYTES = 32 << 10,
	STALL_PIECES = 64,
	STALL_PIECE_BYTES = 120,
	STALL_NAME_BYTES = 16,
	STALL_WAITS_TO_BELIEVE = 10, /* poll and select, in a row */
};

/* Memory of the process that will have moved when the tool reads it: copied with a sample. */
enum stall_chase_kind {
	STALL_CHASE_NONE,
	/* Along the chain of frame pointers, the object that each frame points to at `object`. */
	STALL_CHASE_FRAMES,
	/* A chain of structures, from a pointer in the thread's own (stall_loop.anchor). */
	STALL_CHASE_CHAIN,
};

struct stall_chase {
	__u32 kind;
	/* FRAMES: offsets from the frame pointer of two tagged pointers (…01): the copied one, and
	 * one that must be there as well. */
	__s32 object, witness;
	/* CHAIN: where in the anchor the first pointer is; where in a structure the next. */
	__u32 first, next;
	/* Before that, another chain, whose first structure points to this one's; 0, 0: none. */
	__u32 outer_first, outer_next, has_outer;
};

/* A process to be watched: the value of a task's storage, set by the tool through a pidfd. */
struct stall_target {
	__u32 id; /* the tool's; in every loop and record. Not 0 */
	/* Threads poll for many reasons: only in a server is that taken for a loop. */
	__u32 listens;
	__u32 follow; /* its children too */
	__u32 is_new; /* watched from its fork on: it hangs in no loop that has not been seen */
	struct stall_chase chase;
};

enum stall_wait { STALL_WAIT_NONE, STALL_WAIT_EPOLL, STALL_WAIT_POLL, STALL_WAIT_SELECT };

enum stall_loop_state {
	STALL_LOOP_FREE,
	/* The first thread of a process, which has not waited since: it may hang in its loop. */
	STALL_LOOP_UNSEEN,
	STALL_LOOP_LIVE,
	/* The thread has ended, or runs another program: the tool frees the slot. */
	STALL_LOOP_GONE,
	STALL_LOOP_KILLED, /* the same, by a signal */
};

/* Where a thread is, by the scheduler's events. */
enum stall_place {
	STALL_RUNS,
	STALL_SLEEPS,    /* in a system call, if `call` is not negative */
	STALL_QUEUES,    /* runnable, without a CPU */
	STALL_THROTTLED, /* the same, by its group's quota */
};

/* Where the time of a turn went, nanoseconds. What is in none of these was spent on a CPU. */
struct stall_times {
	__u64 blocked, runqueue, throttled; /* runqueue has the throttled time in it */
	__u64 queue_longest;
	char holder[STALL_NAME_BYTES]; /* who had the CPU at the end of the longest time in the
					  queue */
};

/* Written by the probes, read by the tool at any time: words may be of different moments. */
struct stall_loop {
	__u32 state, generation; /* the generation changes each time the slot is taken */
	__u32 target;
	__u32 tid, own_tid; /* in the tool's pid namespace (0: not in it), and in its own */
	__s32 descriptor;   /* of epoll; -1: none */
	__u32 wait;
	__u32 waiting; /* whether it is in its main wait */
	__u64 first_wait_ns;
	__u64 turn_begin_ns; /* 0 while it waits */
	__u32 ready;
	__s32 call; /* system call that it sleeps in; negative: none */
	__u32 place;
	__u64 place_ns; /* since when it is there */
	__u64 next_sample_ns, next_leave_ns;
	struct stall_times times; /* of the turn, without what goes on at `place` */
	__u64 minor_faults, major_faults, io_calls; /* the task's counters when the turn began */
	__u64 turns, busy_ns;
	__u64 anchor; /* written by the tool: struct stall_chase */
	__u64 epoll;  /* identity of the descriptor's file */
	__u32 buckets[STALL_BUCKETS];
};

enum stall_record_kind { STALL_RECORD_SAMPLE, STALL_RECORD_ENDED, STALL_RECORD_PROCESS };

struct stall_record {
	__u32 kind;
	__u32 target, loop, generation;
	__u64 time_ns;
};

/* A turn longer than the threshold has ended. */
struct stall_ended {
	struct stall_record record;
	__u64 begin_ns;
	struct stall_times times;
	__u64 minor_faults, major_faults, io_calls; /* in the turn */
	__u32 ready;
};

struct stall_piece {
	__u64 address;
	__u8 bytes[STALL_PIECE_BYTES];
};

/* Whether the thread was leaving its CPU just then. */
enum stall_leaves { STALL_LEAVES_NOT, STALL_LEAVES_QUEUES, STALL_LEAVES_SLEEPS };

/* The thread as it ran, in a turn that is a stall already or may become one. */
struct stall_sample {
	struct stall_record record;
	__u64 turn_begin_ns;
	__u32 leaves; /* enum stall_leaves */
	__s32 call;   /* that it sleeps in; negative: none */
	struct stall_times times;
	__u64 registers[STALL_REGISTERS];
	__u32 pieces_count, stack_length;
	__u64 stack_start;
	struct stall_piece pieces[STALL_PIECES];
	__u8 stack[STALL_STACK_BYTES];
};

enum stall_process_event { STALL_PROCESS_FORKED, STALL_PROCESS_EXECUTED };

struct stall_process {
	/* target: of the parent, or of the process itself; 0: of whichever process has that pid */
	struct stall_record record;
	__u32 event;
	__u32 pid; /* of the child, in the tool's pid namespace; 0: not in it */
};

/* Counted by the probes and read by the tool. */
struct stall_counts {
	__u64 lost_samples, lost_events, lost_loops;
	__u64 storage; /* a thread for which there was no memory */
};
