/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.h - what a thread does about its own loop: which wait is its main one, when a turn begins
 * and ends, and a histogram of the turns. While a loop is healthy this is all that Holter does in
 * its thread: two clock readings and a few stores a turn; no lock, no system call, no signal.
 *
 * Data: wait hooks -> struct loop -> Holter's thread (watchdog.c), which only reads.
 * Tier A, apart from loop_enter.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "event.h"
#include "histogram.h"
#include "wait_set.h"

enum {
	LOOPS_MAX = 64,
	ENDED_MAX = 64,        /* stalls that ended and were not fetched yet, a loop */
	WAITS_TO_BELIEVE = 10, /* the tenth wait on one descriptor makes a loop of a thread */
	LOOP_POLLS = -1,       /* in place of a descriptor: a set of them, by poll or select */
	LOOP_ANNOTATED = -2,   /* the same: the program says when it waits */
	LOOP_NOT_QUICK = -3,   /* the same: no wait takes the quick way */
};

/* A turn longer than the threshold, as its own thread saw it end. */
struct ended_stall {
	uint64_t begin_ns, end_ns;
	uint64_t cpu_ns; /* the thread's CPU clock at the end */
	uint64_t gc_ns;  /* of the turn */
};

struct loop {
	/* What an ordinary turn touches, but for its bucket: one cache line. Written by the loop's
	 * thread alone, as all that follows; relaxed unless said. */
	_Alignas(64) _Atomic uint64_t
		turn_begin_ns; /* 0 while it waits. release: the turn's beginning */
	_Atomic uint64_t turns, busy_ns;
	_Atomic int32_t ready;    /* what the last wait returned: so many descriptors, or -1 */
	int32_t quick_descriptor; /* private: the descriptor once the scale is known, or
				     LOOP_NOT_QUICK */
	struct clock_scale scale; /* private; of the clock */

	_Atomic uint64_t
		gc_turn_ns;     /* begin of the turn that gc_ns belongs to. release: after gc_ns */
	_Atomic uint64_t gc_ns; /* garbage collection in that turn */
	uint64_t gc_begin_ns;   /* private to the thread; 0: none goes on */
	_Atomic uint32_t buckets[HISTOGRAM_BUCKETS]; /* since registration; wraps */
	struct ended_stall ended[ENDED_MAX];
	_Atomic uint32_t ended_head; /* release: entries below it are whole */
	_Atomic uint32_t ended_lost;
	_Atomic int32_t descriptor; /* main epoll descriptor, LOOP_POLLS, LOOP_ANNOTATED */
	_Atomic uint32_t wait;      /* enum wait_call */
	struct wait_set set;        /* private: what a loop that polls waits on */

	/* Written by Holter's thread, but for `left`, which the loop's takes back. */
	_Alignas(64) _Atomic uint32_t ended_tail; /* release: entries below it may be overwritten */
	/* The turn in progress is none: its epoll descriptor is closed. Relaxed. */
	_Atomic bool left;

	/* Fixed before `state` says so. */
	_Alignas(64) uint32_t id; /* from 1, unique in the recording */
	uint32_t tid;
	uint64_t first_wait_ns;
	uint64_t stack_hint;      /* an address on the thread's stack */
	uint64_t thread_pointer;  /* what the C library keeps of the thread begins there */
	uint64_t alternate_bytes; /* of the thread's alternate signal stack; 0: it has none */
	_Atomic uint32_t
		state; /* enum loop_state. release by the thread (LIVE), by Holter (FREE) */
};

enum loop_state { LOOP_FREE, LOOP_CLAIMED, LOOP_LIVE };

/* Per thread. Initial-exec: reached without a call from a handler (hazards 4, 5: 48 bytes of static
 * TLS). */
struct thread {
	struct loop *loop;       /* null: not a loop, or not known to be one yet */
	uint64_t first_wait_ns;  /* on the candidate */
	int32_t candidate;       /* that may become the loop's descriptor */
	uint16_t waits;          /* on the candidate, in a row */
	uint16_t candidate_wait; /* enum wait_call */
	bool set_listens;        /* a socket in the candidate's set */
	bool is_lost;            /* there were more loops than can be watched; counted */
	struct wait_set set;     /* the candidate's, if that is LOOP_POLLS */
};

extern __thread struct thread thread __attribute__((tls_model("initial-exec")));
extern struct loop loops[LOOPS_MAX];

/*
 * The calling thread is about to wait. The loop whose turn ends with that, or null: the wait is a
 * blocking call inside a turn, or the thread is no loop. Counts waits and registers the thread when
 * it has shown itself to be one. Tier B.
 */
struct loop *loop_enter(int32_t descriptor, enum wait_call wait);
/* Whether a poll or select of the calling thread may be a loop's: its descriptors are worth a look.
 * Cheap. Tier A. */
bool loop_may_poll(void);
/* loop_enter for a poll or select on these, where loop_may_poll. Tier B. */
struct loop *loop_enter_set(const struct wait_list *list, enum wait_call wait);
/* The wait has returned, with this result: a turn begins. The loop may be null. */
void loop_leave(struct loop *loop, int result);
/* A collection of the thread's language runtime begins, ends. */
void loop_gc_begin(struct loop *loop);
void loop_gc_end(struct loop *loop);
/* How much of the turn that began at begin_ns went into collections that have ended. Any thread. */
uint64_t loop_gc_ns(const struct loop *loop, uint64_t begin_ns);
/* After fork, in the child: no thread is a loop any more. */
void loop_forget_all(void);

extern uint64_t loop_threshold_ns; /* UINT64_MAX: Holter stands aside */

/* A turn of this length has ended. Single writer: plain additions, atomic only so that the reader
 * sees whole values. */
static inline void loop_count_turn(struct loop *loop, uint64_t turn_ns)
{
	_Atomic uint32_t *bucket = &loop->buckets[histogram_bucket(turn_ns)];

	atomic_store_explicit(&loop->turn_begin_ns, 0, memory_order_relaxed);
	atomic_store_explicit(bucket, atomic_load_explicit(bucket, memory_order_relaxed) + 1,
		memory_order_relaxed);
	atomic_store_explicit(&loop->turns,
		atomic_load_explicit(&loop->turns, memory_order_relaxed) + 1, memory_order_relaxed);
	atomic_store_explicit(&loop->busy_ns,
		atomic_load_explicit(&loop->busy_ns, memory_order_relaxed) + turn_ns,
		memory_order_relaxed);
}

/*
 * loop_enter where an ordinary turn ends by the loop's own wait; null, and nothing done, in every
 * other case. It calls nothing, so that a hook which leaves those cases to a function of its own
 * has no register to save but one: half the instructions of the way through loop_enter.
 */
static inline struct loop *loop_enter_quick(int32_t descriptor)
{
	struct loop *loop = thread.loop;
	uint64_t turn_ns;

	if (__builtin_expect(!loop || loop->quick_descriptor != descriptor, 0))
		return NULL;
	/* Outside a turn, which would have begun at 0, it is longer than any threshold. */
	turn_ns = clock_scaled_ns(&loop->scale) -
		  atomic_load_explicit(&loop->turn_begin_ns, memory_order_relaxed);
	if (__builtin_expect(turn_ns >= loop_threshold_ns, 0))
		return NULL;
	loop_count_turn(loop, turn_ns);
	return loop;
}

/* loop_leave after loop_enter_quick. */
static inline void loop_leave_quick(struct loop *loop, int result)
{
	atomic_store_explicit(&loop->ready, result, memory_order_relaxed);
	atomic_store_explicit(
		&loop->turn_begin_ns, clock_scaled_ns(&loop->scale), memory_order_release);
}
