/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.h - what a thread does about its own loop: which wait is its main one, when a turn begins
 * and ends, and a histogram of the turns. While a loop is healthy this is all that Holter does in
 * its thread: two clock readings and a few stores a turn; no lock, no system call, no signal.
 *
 * Data: wait hooks -> struct loop -> Holter's thread (watchdog.c), which only reads.
 * Tier A, apart from loop_enter_slow.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "event.h"
#include "histogram.h"

enum {
	LOOPS_MAX = 64,
	ENDED_MAX = 64,        /* stalls that ended and were not fetched yet, a loop */
	WAITS_TO_BELIEVE = 10, /* the tenth wait on one descriptor makes a loop of a thread */
	LOOP_ANNOTATED = -2,   /* in place of a descriptor: the program says when it waits */
};

/* A turn longer than the threshold, as its own thread saw it end. */
struct ended_stall {
	uint64_t begin_ns, end_ns;
	uint64_t cpu_ns; /* the thread's CPU clock at the end */
	uint64_t gc_ns;  /* of the turn */
};

struct loop {
	/* Written by the loop's thread alone; relaxed unless said. */
	_Atomic uint64_t turn_begin_ns; /* 0 while it waits. release: the turn's beginning */
	uint64_t wait_begin_ns;         /* private to the thread */
	_Atomic uint32_t ready;         /* descriptors at the turn's beginning */
	_Atomic uint64_t turns, busy_ns;
	_Atomic uint64_t
		gc_turn_ns;     /* begin of the turn that gc_ns belongs to. release: after gc_ns */
	_Atomic uint64_t gc_ns; /* garbage collection in that turn */
	uint64_t gc_begin_ns;   /* private to the thread; 0: none goes on */
	_Atomic uint32_t buckets[HISTOGRAM_BUCKETS]; /* since registration; wraps */
	struct ended_stall ended[ENDED_MAX];
	_Atomic uint32_t ended_head; /* release: entries below it are whole */
	_Atomic uint32_t ended_lost;
	_Atomic int32_t descriptor; /* main epoll descriptor; -1: poll or select; LOOP_ANNOTATED */
	_Atomic uint32_t wait;      /* enum wait_call */

	/* Written by Holter's thread alone. */
	_Alignas(64) _Atomic uint32_t ended_tail; /* release: entries below it may be overwritten */

	/* Fixed before `state` says so. */
	_Alignas(64) uint32_t id; /* from 1, unique in the recording */
	uint32_t tid;
	uint64_t first_wait_ns;
	uint64_t stack_hint;      /* an address on the thread's stack */
	uint64_t alternate_bytes; /* of the thread's alternate signal stack; 0: it has none */
	_Atomic uint32_t
		state; /* enum loop_state. release by the thread (LIVE), by Holter (FREE) */
};

enum loop_state { LOOP_FREE, LOOP_CLAIMED, LOOP_LIVE };

/* Per thread. Initial-exec: reached without a call from a handler (hazards 4, 5: 40 bytes of static
 * TLS). */
struct thread {
	struct loop *loop;       /* null: not a loop, or not known to be one yet */
	uint64_t first_wait_ns;  /* on the candidate */
	int32_t candidate;       /* that may become the loop's descriptor */
	uint16_t waits;          /* on the candidate, in a row */
	uint16_t candidate_wait; /* enum wait_call */
};

extern __thread struct thread thread __attribute__((tls_model("initial-exec")));
extern struct loop loops[LOOPS_MAX];

/*
 * The loop whose turn ends with this wait, or null: the wait is a blocking call inside a turn, or
 * the thread is no loop. Counts waits and registers the thread when it has shown itself to be one.
 * Tier B.
 */
struct loop *loop_enter_slow(int32_t descriptor, enum wait_call wait);
/* Appends to the ended stalls; reads the thread's CPU clock. */
void loop_stalled(struct loop *loop, uint64_t begin_ns, uint64_t end_ns);
/* A collection of the thread's language runtime begins, ends. */
void loop_gc_begin(struct loop *loop);
void loop_gc_end(struct loop *loop);
/* How much of the turn that began at begin_ns went into collections that have ended. Any thread. */
uint64_t loop_gc_ns(const struct loop *loop, uint64_t begin_ns);
/* After fork, in the child: no thread is a loop any more. */
void loop_forget_all(void);

extern uint64_t loop_threshold_ns;

/* The calling thread is about to wait: its turn ends. */
__attribute__((always_inline)) static inline void loop_end_turn(struct loop *loop)
{
	uint64_t begin = atomic_load_explicit(&loop->turn_begin_ns, memory_order_relaxed);
	uint64_t now = clock_now_ns(), turn = now > begin ? now - begin : 0;
	_Atomic uint32_t *bucket;

	atomic_store_explicit(&loop->turn_begin_ns, 0, memory_order_relaxed);
	loop->wait_begin_ns = now;
	if (!begin)
		return;
	/* Single writer: plain additions, atomic only so that the reader sees whole values. */
	bucket = &loop->buckets[histogram_bucket(turn)];
	atomic_store_explicit(bucket, atomic_load_explicit(bucket, memory_order_relaxed) + 1,
		memory_order_relaxed);
	atomic_store_explicit(&loop->turns,
		atomic_load_explicit(&loop->turns, memory_order_relaxed) + 1, memory_order_relaxed);
	atomic_store_explicit(&loop->busy_ns,
		atomic_load_explicit(&loop->busy_ns, memory_order_relaxed) + turn,
		memory_order_relaxed);
	if (__builtin_expect(turn >= loop_threshold_ns, 0))
		loop_stalled(loop, begin, now);
}

/* The wait has returned, with this result: a turn begins. */
static inline void loop_begin_turn(struct loop *loop, int result)
{
	atomic_store_explicit(
		&loop->ready, result > 0 ? (uint32_t)result : 0, memory_order_relaxed);
	atomic_store_explicit(&loop->turn_begin_ns, clock_now_ns(), memory_order_release);
}

__attribute__((always_inline)) static inline struct loop *loop_enter(
	int32_t descriptor, enum wait_call wait)
{
	struct loop *loop = thread.loop;

	if (__builtin_expect(!loop || atomic_load_explicit(&loop->descriptor,
					      memory_order_relaxed) != descriptor,
		    0))
		loop = loop_enter_slow(descriptor, wait);
	if (loop)
		loop_end_turn(loop);
	return loop;
}

static inline void loop_leave(struct loop *loop, int result)
{
	if (loop)
		loop_begin_turn(loop, result);
}
