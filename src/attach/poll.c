/* SPDX-License-Identifier: Apache-2.0 */
/*
 * poll.c - the source that needs no eBPF: it looks at the threads of a process in short steps,
 * through /proc. It needs the right to trace the process, and sees less than the probes do: see
 * follow.h for what is certain and what is not.
 *
 * Threads that may be loops are found by looking at all of them now and then; those that wait for
 * events are followed from then on, and the first one from the beginning, as it may hang.
 *
 * Tier C. Data: /proc/PID/task -> struct follow -> struct source_ops.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "follow.h"
#include "format.h"
#include "proc_path.h"
#include "source.h"
#include "sys.h"

enum {
	PROCESSES_MAX = 128,
	CHILDREN_MAX = 256,
	CANDIDATES_MAX = 64,
	STEPS_IN_THRESHOLD = 5,
	SCAN_SHARE = 100, /* a search may take a hundredth of the time */
	LOOKS_TO_BELIEVE = 3,
};

static const uint64_t step_most_ns = 10000000, step_least_ns = 1000000, scan_first_ns = 25000000,
		      scan_most_ns = 200000000, tally_ns = 1000000000;

/* A thread that waits by poll or select, which many do that have no loop. */
struct candidate {
	uint32_t tid, looks; /* that found it waiting */
	uint64_t slices;     /* at the first one */
};

struct process {
	struct followed followed;     /* pid 0: the entry is free */
	uint64_t image;               /* another one: it runs another program */
	pid_t children[CHILDREN_MAX]; /* told of */
	size_t child_count;
	struct candidate candidates[CANDIDATES_MAX];
	size_t candidate_count;
};

struct source {
	struct source_settings settings;
	struct follow_settings following;
	struct stall_loop *loops;
	struct follow follows[STALL_LOOPS_MAX];
	struct process processes[PROCESSES_MAX];
	struct stall_counts counts;
	uint64_t next_look_ns, next_scan_ns, scan_ns, next_tally_ns;
	bool trap_complained;
	/* During drain. */
	source_record_function *record;
	void *context;
	bool has_news;
};

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void on_record(void *context, const struct stall_record *record)
{
	struct source *source = context;

	source->has_news = true;
	if (source->record)
		source->record(source->context, record);
}

static void complain(struct source *source, const char *what, int error)
{
	char text[512];

	snprintf(text, sizeof(text), "%s: %s", what, strerror(-error));
	source->settings.complain(source->settings.context, text);
}

/* --- threads ------------------------------------------------------------------------------------
 */

/* The last number of "NSpid:" is the innermost one (proc(5)). */
static uint32_t own_tid(pid_t pid, uint32_t tid)
{
	char path[PROC_PATH_BYTES], text[4096];
	const char *at, *end;
	uint64_t number = tid;

	proc_path_task(path, sizeof(path), pid, tid, "/status");
	if (sys_read_file(path, text, sizeof(text)) <= 0 || !(at = strstr(text, "\nNSpid:")))
		return tid;
	end = strchr(at + 1, '\n');
	while (end && (at = strchr(at, '\t')) && at < end) {
		at++;
		parse_unsigned(&at, &number);
	}
	return (uint32_t)number;
}

static struct follow *find_follow(
	struct source *source, const struct process *process, uint32_t tid)
{
	for (size_t i = 0; i < STALL_LOOPS_MAX; i++) {
		struct follow *follow = &source->follows[i];

		if (follow->process == &process->followed && follow->tid == tid)
			return follow;
	}
	return NULL;
}

/* is_loop: whether that is known already. */
static void begin(struct source *source, struct process *process, uint32_t tid,
	const struct asleep *at, bool is_loop)
{
	for (uint32_t i = 0; i < STALL_LOOPS_MAX; i++) {
		struct stall_loop *loop = &source->loops[i];

		if (source->follows[i].process || loop->state != STALL_LOOP_FREE)
			continue;
		/* Nobody is told of it before it waits, or its first turn has become a stall. */
		*loop = (struct stall_loop){
			.generation = loop->generation + 1,
			.target = process->followed.target.id,
			.tid = tid,
			.own_tid = own_tid(process->followed.pid, tid),
			.descriptor = -1,
			.call = -1,
		};
		follow_begin(&source->follows[i], &process->followed, loop, i, at, is_loop);
		return;
	}
	source->counts.lost_loops++;
}

/* How a thread has ended, as far as that can still be told: by the last field of its `stat`, which
 * is there until its parent has taken notice. */
static enum stall_loop_state how_ended(const struct follow *follow)
{
	char path[PROC_PATH_BYTES], text[1024];
	const char *at;
	uint64_t code;

	proc_path_task(path, sizeof(path), follow->process->pid, follow->tid, "/stat");
	if (sys_read_file(path, text, sizeof(text)) <= 0 || !(at = strrchr(text, ' ')))
		return STALL_LOOP_KILLED;
	at++;
	return parse_unsigned(&at, &code) && !(code & 0x7f) ? STALL_LOOP_GONE : STALL_LOOP_KILLED;
}

static void end(struct source *source, struct follow *follow, enum stall_loop_state state)
{
	struct stall_loop *loop = follow->loop;

	follow_end(follow, &source->following);
	loop->state = (uint32_t)state;
	source->has_news = true;
}

static void end_all(struct source *source, const struct process *process)
{
	for (size_t i = 0; i < STALL_LOOPS_MAX; i++) {
		if (source->follows[i].process == &process->followed)
			end(source, &source->follows[i], STALL_LOOP_GONE);
	}
}

/* Whether a thread that waits by poll or select has done so often enough. */
static bool believes(struct process *process, uint32_t tid)
{
	struct candidate *candidate = NULL;
	struct usage usage;

	for (size_t i = 0; i < process->candidate_count; i++) {
		if (process->candidates[i].tid == tid)
			candidate = &process->candidates[i];
	}
	usage_read(process->followed.pid, tid, &process->followed.cgroup, &usage);
	if (!candidate) {
		if (process->candidate_count == CANDIDATES_MAX)
			return false;
		candidate = &process->candidates[process->candidate_count++];
		*candidate = (struct candidate){.tid = tid, .slices = usage.slices};
	}
	/* It waits each time that it is looked at, and has been woken often in between. */
	return ++candidate->looks >= LOOKS_TO_BELIEVE &&
	       usage.slices - candidate->slices >= STALL_WAITS_TO_BELIEVE;
}

static void consider(struct source *source, struct process *process, uint32_t tid)
{
	struct asleep at;

	if (find_follow(source, process, tid) || asleep_look(process->followed.pid, tid, &at))
		return;
	switch (follow_wait_of(at.call)) {
	case STALL_WAIT_EPOLL:
		begin(source, process, tid, &at, true);
		break;
	case STALL_WAIT_POLL:
	case STALL_WAIT_SELECT:
		if (process->followed.target.listens && believes(process, tid))
			begin(source, process, tid, &at, true);
		break;
	default:
		break;
	}
}

/* --- processes ----------------------------------------------------------------------------------
 */

/* What changes when a process executes a program: where its stack begins (field 28, proc(5)). */
static uint64_t image_of(pid_t pid)
{
	char path[PROC_PATH_BYTES], text[1024];
	const char *at;
	uint64_t start = 0;

	proc_path(path, sizeof(path), pid, "/stat");
	if (sys_read_file(path, text, sizeof(text)) <= 0 || !(at = strrchr(text, ')')))
		return 0;
	for (int field = 2; field < 28 && at; field++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	if (at)
		parse_unsigned(&at, &start);
	return start;
}

static void tell_process(
	struct source *source, const struct process *process, uint32_t event, pid_t pid)
{
	const struct stall_process told = {
		.record =
			{
				.kind = STALL_RECORD_PROCESS,
				.target = process->followed.target.id,
				.time_ns = clock_monotonic_ns(),
			},
		.event = event,
		.pid = (uint32_t)pid,
	};

	on_record(source, &told.record);
}

static void look_at_image(struct source *source, struct process *process)
{
	uint64_t image = image_of(process->followed.pid);

	if (!image || image == process->image)
		return;
	process->image = image;
	end_all(source, process);
	process->followed.sites = (struct wait_sites){0};
	process->candidate_count = 0;
	tell_process(source, process, STALL_PROCESS_EXECUTED, process->followed.pid);
}

/* The children that a thread has, where the kernel lists them. */
static void look_at_children(
	struct source *source, struct process *process, uint32_t tid, bool tells)
{
	char path[PROC_PATH_BYTES], text[4096];
	const char *at = text;
	uint64_t child;

	proc_path_task(path, sizeof(path), process->followed.pid, tid, "/children");
	if (sys_read_file(path, text, sizeof(text)) <= 0)
		return;
	/* A blank is behind each, unless the text was cut in the middle of a number. */
	while (parse_unsigned(&at, &child) && *at++ == ' ') {
		bool known = false;

		for (size_t i = 0; i < process->child_count; i++)
			known |= process->children[i] == (pid_t)child;
		if (known)
			continue;
		process->children[process->child_count++ % CHILDREN_MAX] = (pid_t)child;
		if (process->child_count > CHILDREN_MAX)
			process->child_count = CHILDREN_MAX;
		if (tells)
			tell_process(source, process, STALL_PROCESS_FORKED, (pid_t)child);
	}
}

static int scan(struct source *source, struct process *process, bool is_first)
{
	char path[PROC_PATH_BYTES];
	struct dirent *entry;
	DIR *folder;

	if (!is_first)
		look_at_image(source, process);
	proc_path(path, sizeof(path), process->followed.pid, "/task");
	folder = opendir(path);
	if (!folder)
		return -errno;
	while ((entry = readdir(folder))) {
		uint32_t tid = (uint32_t)strtoul(entry->d_name, NULL, 10);

		if (!tid)
			continue;
		consider(source, process, tid);
		if (process->followed.target.follow)
			look_at_children(source, process, tid, !is_first);
	}
	closedir(folder);
	return 0;
}

static void scan_all(struct source *source, uint64_t now)
{
	uint64_t took_ns;

	for (size_t i = 0; i < PROCESSES_MAX; i++) {
		struct process *process = &source->processes[i];

		if (process->followed.pid && scan(source, process, false) == -ENOENT) {
			end_all(source, process);
			process->followed.pid = 0;
		}
	}
	took_ns = clock_monotonic_ns() - now;
	source->scan_ns = least(2 * source->scan_ns, scan_most_ns);
	source->next_scan_ns = now + source->scan_ns;
	if (took_ns * SCAN_SHARE > source->scan_ns)
		source->next_scan_ns = now + took_ns * SCAN_SHARE;
}

/* --- looks --------------------------------------------------------------------------------------
 */

static void look_at_all(struct source *source, uint64_t now)
{
	bool tallies = now >= source->next_tally_ns;

	for (size_t i = 0; i < STALL_LOOPS_MAX; i++) {
		struct follow *follow = &source->follows[i];
		bool was_published = follow->published && follow->begin_ns;

		if (!follow->process)
			continue;
		if (follow_look(follow, &source->following)) {
			end(source, follow, how_ended(follow));
			continue;
		}
		if (tallies)
			follow_tally(follow);
		source->has_news |= follow->begin_ns && follow->published && !was_published;
		if (follow->trap_error && !source->trap_complained) {
			source->trap_complained = true;
			complain(source, "not observed: stalls of a thread that runs; its traps",
				follow->trap_error);
		}
	}
	if (tallies)
		source->next_tally_ns = now + tally_ns;
	source->next_look_ns = now + source->following.step_ns;
}

/* --- operations ---------------------------------------------------------------------------------
 */

static void poll_close(struct source *source)
{
	if (!source)
		return;
	source->record = NULL;
	for (size_t i = 0; i < STALL_LOOPS_MAX; i++)
		follow_end(&source->follows[i], &source->following);
	free(source->loops);
	free(source);
}

static int poll_open(struct source **ret, const struct source_settings *settings)
{
	struct source *source = calloc(1, sizeof(*source));
	uint64_t step_ns = settings->threshold_ns / STEPS_IN_THRESHOLD;

	if (!source)
		return -ENOMEM;
	source->loops = calloc(STALL_LOOPS_MAX, sizeof(*source->loops));
	if (!source->loops) {
		free(source);
		return -ENOMEM;
	}
	step_ns = least(step_ns, step_most_ns);
	if (step_ns < step_least_ns)
		step_ns = step_least_ns;
	source->settings = *settings;
	source->following = (struct follow_settings){
		.threshold_ns = settings->threshold_ns,
		.step_ns = step_ns,
		.interval_ns = settings->interval_ns,
		.traps = true,
		.clock = true,
		.record = on_record,
		.context = source,
	};
	*ret = source;
	return 0;
}

/* Tries what a thread that runs is seen by, on one that does not matter yet. */
static void try_perf(struct source *source, pid_t pid)
{
	static const uint64_t nowhere = 0x1000;
	struct stack_clock clock;
	struct traps traps;
	int error;

	traps_init(&traps, pid);
	error = traps_set(&traps, &nowhere, 1);
	traps_done(&traps);
	if (error == -ESRCH) /* a child that has ended says nothing of the others */
		return;
	if (error && source->following.traps) {
		source->following.traps = source->following.clock = false;
		complain(source,
			"not observed: stalls in which the thread runs, or sleeps more than once. "
			"They "
			"take perf events: CAP_PERFMON, or kernel.perf_event_paranoid of at most 2 "
			"and a process of the same user",
			error);
	}
	if (!source->following.clock)
		return;
	stack_clock_init(&clock);
	error = stack_clock_open(&clock, pid, source->settings.interval_ns);
	stack_clock_close(&clock);
	if (error && error != -ESRCH) {
		source->following.clock = false;
		complain(source, "not observed: stacks of a thread that runs", error);
	}
}

static int poll_add(struct source *source, pid_t pid, int pidfd, const struct stall_target *target)
{
	struct process *process = NULL;
	struct asleep at;
	int error = asleep_look(pid, (uint32_t)pid, &at);

	(void)pidfd;
	if (error == -ENOENT || error == -ESRCH)
		return -ESRCH;
	if (error) {
		complain(source, "where the threads of the process are", error);
		return error;
	}
	for (size_t i = 0; i < PROCESSES_MAX && !process; i++) {
		if (!source->processes[i].followed.pid)
			process = &source->processes[i];
	}
	if (!process)
		return -E2BIG;
	*process = (struct process){
		.followed = {.pid = pid, .target = *target}, .image = image_of(pid)};
	cgroup_open(&process->followed.cgroup, pid);
	source->scan_ns = scan_first_ns;
	try_perf(source, pid);
	if (follow_wait_of(at.call) == STALL_WAIT_NONE && !target->is_new)
		begin(source, process, (uint32_t)pid, &at, false);
	error = scan(source, process, true);
	return error == -ENOENT ? -ESRCH : error;
}

static int poll_update(struct source *source, int pidfd, const struct stall_target *target)
{
	(void)pidfd;
	for (size_t i = 0; i < PROCESSES_MAX; i++) {
		if (source->processes[i].followed.target.id == target->id)
			source->processes[i].followed.target = *target;
	}
	return 0;
}

static struct stall_loop *poll_loops(struct source *source)
{
	return source->loops;
}

static void poll_release(struct source *source, uint32_t loop)
{
	source->loops[loop].state = STALL_LOOP_FREE;
}

/* Returns false if a signal came. */
static bool sleep_until(uint64_t time_ns)
{
	const struct timespec time = {
		.tv_sec = (time_t)(time_ns / 1000000000),
		.tv_nsec = (long)(time_ns % 1000000000),
	};

	return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) != EINTR;
}

static int poll_drain(
	struct source *source, uint64_t until_ns, source_record_function *record, void *context)
{
	uint64_t now = clock_monotonic_ns();
	int error = 0;

	source->record = record;
	source->context = context;
	source->has_news = false;
	do {
		uint64_t next = source->next_look_ns;

		if (next > now && !sleep_until(next)) {
			error = -EINTR;
			break;
		}
		now = clock_monotonic_ns();
		look_at_all(source, now);
		if (now >= source->next_scan_ns)
			scan_all(source, now);
	} while (!source->has_news && now < until_ns);
	source->record = NULL;
	return error;
}

static void poll_counts(struct source *source, struct stall_counts *ret)
{
	*ret = source->counts;
}

const struct source_ops source_poll = {
	.name = "poll",
	.open = poll_open,
	.close = poll_close,
	.add = poll_add,
	.update = poll_update,
	.loops = poll_loops,
	.release = poll_release,
	.drain = poll_drain,
	.counts = poll_counts,
};
