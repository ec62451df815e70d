/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follow.h - the turns of one thread, from looks at it that are a step apart.
 *
 * A look shows where the thread is, not where it was since the last one. So a turn is only taken to
 * go on where that is certain: the thread slept in one call all the while (it was not given a CPU),
 * or it came by none of the places that its process waits at (traps.h). A server that answers fast
 * is found running at each look, and has no long turn for that. A turn begins with the first look
 * that finds the thread out of its wait, so it is told up to one step too short; its end is that
 * of the trap, or the last look.
 *
 * Tier C. Data: /proc/PID/task/T, traps, a clock -> struct stall_loop, records (bpf/stall.h).
 */
#pragma once

#include "asleep.h"
#include "cgroup.h"
#include "source.h"
#include "stack_clock.h"
#include "traps.h"
#include "usage.h"

/* Where a process makes its wait calls: addresses of `syscall` instructions. */
struct wait_sites {
	uint64_t addresses[TRAPS_MAX];
	size_t count;
	bool more; /* than can be trapped: of a thread that runs nothing is certain any more */
};

/* What the followed threads of one process share. */
struct followed {
	pid_t pid;
	struct stall_target target;
	struct cgroup cgroup;
	struct wait_sites sites;
};

struct follow_settings {
	uint64_t threshold_ns, step_ns, interval_ns;
	bool traps, clock; /* whether they may be had */
	/* Takes records; what it takes is valid during the call. */
	source_record_function *record;
	void *context;
};

/* What a call waits for, by its number. */
enum stall_wait follow_wait_of(int64_t call);

struct follow {
	struct followed *process;    /* borrowed; null: the entry is free */
	struct stall_loop *loop;     /* borrowed: where it is published */
	uint32_t tid, index;         /* of the loop */
	uint64_t begin_ns, known_ns; /* of the turn, and until when it is certain; 0: none */
	bool published;              /* the turn has passed the threshold */
	uint32_t polls;              /* waits by poll or select before it is taken for a loop */
	uint64_t tallied_cpu_ns;     /* CPU time that is in busy_ns already; 0: none yet */
	int trap_error;              /* the last one: what runs is not certain */
	struct asleep at;            /* as of the last look */
	struct usage base, last;     /* as of the turn's beginning, and of the last look */
	struct stall_times times;
	struct traps traps;
	struct stack_clock clock;
};

/*
 * Begins to follow a thread with this loop, which has been taken for it. `at` is where it was found
 * just now; is_loop: if it waits, then as a loop does.
 */
void follow_begin(struct follow *follow, struct followed *process, struct stall_loop *loop,
	uint32_t index, const struct asleep *at, bool is_loop);
/* The thread has ended, or is left alone. A turn in progress has not ended as far as was seen. */
void follow_end(struct follow *follow, const struct follow_settings *settings);
/*
 * Looks once. Returns 0; -ENOENT, -ESRCH: the thread is gone; -EPERM, -EACCES: it may not be looked
 * at any more.
 */
int follow_look(struct follow *follow, const struct follow_settings *settings);
/* Accounts for the turns that were too short to be seen: their CPU time. */
void follow_tally(struct follow *follow);
