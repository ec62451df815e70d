/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sampler.h - one stack of one thread, taken while it runs or sleeps, without harm to it.
 *
 * A running thread gets a signal; the handler copies registers, stack and the
 * runtime's frame slots into a preallocated slot (about 2 us) and does nothing else. A sleeping
 * thread is never signalled: it does not move, so its stack is read from outside, at the stack
 * pointer that /proc/self/task/T/syscall gives. (read(2) on a socket with SO_RCVTIMEO, for one, is
 * not restarted by SA_RESTART, and whether a sleep restarts cannot be told from its number.)
 *
 * Data: thread -> struct unwind_sample (borrowed until the next sample). Owned by Holter's thread;
 * the handler is tier A.
 */
#pragma once

#include <stdbool.h>

#include "asleep.h"

enum sample_result {
	SAMPLE_TAKEN,
	SAMPLE_NO_STACK, /* asleep, and its stack could not be read (or kept changing) */
	SAMPLE_TIMEOUT,  /* did not take the signal in time */
	SAMPLE_REFUSED,  /* signals are off, or the handler is no longer ours */
	SAMPLE_GONE,     /* the thread has ended */
};

struct sampled {
	struct unwind_sample sample;
	uint64_t taken_ns; /* clock_now_ns */
	uint64_t cpu_ns;   /* the thread's CPU clock then */
	uint64_t took_ns;  /* of the thread's time, by the handler; 0 if read in place */
	bool in_place;
	struct asleep asleep; /* where it sleeps, if it was read in place */
};

struct sample_target {
	uint32_t tid;
	uint64_t stack_start, stack_end; /* of its stack as last seen; end exclusive */
	/* These bytes are the thread's stack and nothing else, and so stay while it runs. */
	bool stack_is_own;
	uint64_t alternate_bytes; /* of its alternate signal stack; 0: it has none */
};

/*
 * Installs the handler, before the first loop is registered. Where the server uses the signal
 * itself, running threads are not sampled, and sampler_complaint says so.
 */
void sampler_open(bool no_signals);
/* Gives the signal back: nobody is sampled any more. */
void sampler_close(void);
/* From now on the handler asks this language for its frame slots. */
void sampler_set_lang(const struct lang *lang);
enum sample_result sampler_take(const struct sample_target *target, struct sampled *ret);
/* The same for a thread that sleeps in a system call, which it never signals: SAMPLE_NO_STACK if it
 * does not. */
enum sample_result sampler_take_asleep(const struct sample_target *target, struct sampled *ret);
/* Why running threads, or some of them, are not sampled: a sentence for the recording; or null. */
const char *sampler_complaint(void);

/*
 * In a thread that becomes a loop: makes sure that the signal can reach it. Returns the size of its
 * alternate signal stack, or 0.
 */
uint64_t sampler_admit_thread(void);
/* Around fork, in the forking thread. Returns the signal that is to be unblocked afterwards, or 0:
 * it may have been given back by then. */
int sampler_block_signal(void);
void sampler_unblock_signal(int number);

/* Interruptions by Holter's signal that the server has seen (restart.h: the call's number was not
 * known). */
uint64_t sampler_interruptions(void);
