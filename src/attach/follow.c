/* SPDX-License-Identifier: Apache-2.0 */
#include "follow.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "clock.h"
#include "histogram.h"
#include "proc_path.h"
#include "sys.h"

_Static_assert((int)STALL_BUCKETS == (int)HISTOGRAM_BUCKETS, "one scale for both");

enum {
	SAMPLES_EVEN = 32, /* samples at the first interval; later ones spread in proportion */
	SYSCALL_BYTES = 2, /* of the instruction: 0f 05 */
	TWIN_BYTES = 128,  /* libc has one call of each in a function that may be cancelled, and one
			      in the same function for a single thread */
	NUMBER_TO_CALL_BYTES = 16, /* from where rax is set to the instruction */
};

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t grown(uint64_t from, uint64_t to)
{
	return to > from ? to - from : 0;
}

enum stall_wait follow_wait_of(int64_t call)
{
	switch (call) {
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
	case SYS_epoll_pwait2:
		return STALL_WAIT_EPOLL;
	case SYS_poll:
	case SYS_ppoll:
		return STALL_WAIT_POLL;
	case SYS_select:
	case SYS_pselect6:
		return STALL_WAIT_SELECT;
	default:
		return STALL_WAIT_NONE;
	}
}

/* --- where a process waits ----------------------------------------------------------------------
 */

static void add_site(struct wait_sites *sites, uint64_t address)
{
	for (size_t i = 0; i < sites->count; i++) {
		if (sites->addresses[i] == address)
			return;
	}
	if (sites->count == TRAPS_MAX)
		sites->more = true;
	else
		sites->addresses[sites->count++] = address;
}

/* Whether a call of this number may be made by the instruction at `at`: "mov $number, %eax" is a
 * little before it. */
static bool makes_call(const uint8_t *code, size_t at, int64_t number)
{
	for (size_t i = at > NUMBER_TO_CALL_BYTES ? at - NUMBER_TO_CALL_BYTES : 0; i + 5 <= at;
		i++) {
		uint32_t value;

		memcpy(&value, code + i + 1, sizeof(value));
		if (code[i] == 0xb8 && value == (uint32_t)number)
			return true;
	}
	return false;
}

/* The place of a wait that a thread is in, and that of its twin. */
static void learn_site(struct followed *process, const struct asleep *at)
{
	uint64_t site = at->pc - SYSCALL_BYTES, start = site - TWIN_BYTES;
	struct memory_process memory;
	uint8_t code[2 * TWIN_BYTES];
	int64_t length;

	for (size_t i = 0; i < process->sites.count; i++) {
		if (process->sites.addresses[i] == site)
			return;
	}
	add_site(&process->sites, site);
	memory_process_init(&memory, process->pid);
	length = memory.memory.read(&memory.memory, start, code, sizeof(code));
	for (int64_t i = 0; i + SYSCALL_BYTES <= length; i++) {
		if (code[i] == 0x0f && code[i + 1] == 0x05 && makes_call(code, (size_t)i, at->call))
			add_site(&process->sites, start + (uint64_t)i);
	}
}

/* --- what is the loop's wait --------------------------------------------------------------------
 */

static void set_main(struct stall_loop *loop, enum stall_wait wait, int32_t descriptor)
{
	loop->wait = wait;
	loop->descriptor = descriptor;
	loop->state = STALL_LOOP_LIVE;
}

static bool is_epoll(pid_t pid, int32_t descriptor)
{
	char path[PROC_PATH_BYTES], rest[24], target[64];
	int64_t length;

	snprintf(rest, sizeof(rest), "/fd/%d", descriptor);
	proc_path(path, sizeof(path), pid, rest);
	length = sys_readlink(path, target, sizeof(target) - 1);
	target[length > 0 ? length : 0] = '\0';
	return strcmp(target, "anon_inode:[eventpoll]") == 0;
}

/* Whether a wait is the loop's own, and neither a nested loop's nor a call inside the turn. */
static bool is_main(const struct follow *follow, int64_t call, uint64_t argument)
{
	enum stall_wait wait = follow_wait_of(call);
	const struct stall_loop *loop = follow->loop;

	if (wait == STALL_WAIT_NONE)
		return false;
	if (loop->state != STALL_LOOP_LIVE)
		return true; /* nothing better is known */
	if (wait != STALL_WAIT_EPOLL)
		return loop->descriptor < 0;
	return loop->descriptor < 0 || loop->descriptor == (int32_t)argument ||
	       !is_epoll(follow->process->pid, loop->descriptor);
}

/* Whether it is in the wait that it was in, which goes on under another number after a stop. */
static bool waits_again(const struct follow *follow, const struct asleep *at)
{
	return at->call == SYS_restart_syscall && follow->loop->waiting &&
	       at->sp == follow->at.sp && at->pc == follow->at.pc;
}

static bool waits(const struct follow *follow, const struct asleep *at)
{
	return is_main(follow, at->call, at->arguments[0]) || waits_again(follow, at);
}

/* The loop is found in its wait: learns what that is. */
static void learn_wait(struct follow *follow, const struct asleep *at, bool woke)
{
	enum stall_wait wait = follow_wait_of(at->call);
	struct stall_loop *loop = follow->loop;

	if (wait == STALL_WAIT_EPOLL)
		set_main(loop, wait, (int32_t)at->arguments[0]);
	else if (loop->state != STALL_LOOP_LIVE && follow->process->target.listens && woke &&
		 ++follow->polls >= STALL_WAITS_TO_BELIEVE)
		set_main(loop, wait, -1);
	if (loop->state == STALL_LOOP_LIVE)
		learn_site(follow->process, at);
}

/* --- turns --------------------------------------------------------------------------------------
 */

static struct stall_record record_of(const struct follow *follow, uint32_t kind, uint64_t time_ns)
{
	return (struct stall_record){
		.kind = kind,
		.target = follow->loop->target,
		.loop = follow->index,
		.generation = follow->loop->generation,
		.time_ns = time_ns,
	};
}

static void move_to(struct follow *follow, uint32_t place, uint64_t now)
{
	follow->loop->place = place;
	follow->loop->place_ns = now;
}

static void begin_turn(struct follow *follow, const struct usage *usage)
{
	follow->begin_ns = follow->known_ns = clock_monotonic_ns();
	follow->base = *usage;
	follow->times = (struct stall_times){0};
	follow->published = false;
	follow->loop->waiting = 0;
}

/* What a look adds to the turn's account: what is told by the kernel, and asleep the rest of a step
 * in which it was found asleep. */
static void settle(struct follow *follow, const struct usage *usage, const struct asleep *at,
	uint64_t passed_ns)
{
	struct stall_times *times = &follow->times;
	uint64_t elsewhere = grown(follow->last.cpu_ns, usage->cpu_ns) +
			     grown(follow->last.runqueue_ns, usage->runqueue_ns),
		 asleep = grown(elsewhere, passed_ns);

	times->runqueue = grown(follow->base.runqueue_ns, usage->runqueue_ns);
	/* A throttled thread stays on its run queue. */
	times->throttled =
		least(grown(follow->base.throttled_ns, usage->throttled_ns), times->runqueue);
	if (at->call != ASLEEP_RUNNING || follow->at.call != ASLEEP_RUNNING)
		times->blocked += asleep;
}

static void take_samples(struct follow *follow, const struct follow_settings *settings)
{
	/* 40 KB, for one thread of ours. */
	static struct stall_sample sample;
	struct stall_loop *loop = follow->loop;

	while (stack_clock_next(&follow->clock, &sample)) {
		uint64_t time_ns = sample.record.time_ns;

		if (time_ns < follow->begin_ns || time_ns < loop->next_sample_ns)
			continue;
		sample.record = record_of(follow, STALL_RECORD_SAMPLE, time_ns);
		sample.turn_begin_ns = follow->begin_ns;
		sample.times = follow->times;
		loop->next_sample_ns = time_ns + (time_ns - follow->begin_ns) / SAMPLES_EVEN;
		settings->record(settings->context, &sample.record);
	}
}

static void tell_ended(
	const struct follow *follow, const struct follow_settings *settings, uint64_t end_ns)
{
	const struct usage *from = &follow->base, *to = &follow->last;
	struct stall_ended ended = {
		.record = record_of(follow, STALL_RECORD_ENDED, end_ns),
		.begin_ns = follow->begin_ns,
		.times = follow->times,
		.minor_faults = grown(from->minor_faults, to->minor_faults),
		.major_faults = grown(from->major_faults, to->major_faults),
		.io_calls = grown(from->io_calls, to->io_calls),
	};
	struct stall_times *times = &ended.times;
	uint64_t length = end_ns - follow->begin_ns;

	/* The account may go on a little behind the end. */
	times->runqueue = least(times->runqueue, length);
	times->throttled = least(times->throttled, times->runqueue);
	times->blocked = least(times->blocked, length - times->runqueue);
	settings->record(settings->context, &ended.record);
}

static void end_turn(struct follow *follow, const struct follow_settings *settings, uint64_t end_ns)
{
	struct stall_loop *loop = follow->loop;
	uint64_t length;

	if (!follow->begin_ns)
		return;
	if (end_ns < follow->known_ns)
		end_ns = follow->known_ns;
	length = end_ns - follow->begin_ns;
	if (length >= settings->threshold_ns)
		take_samples(follow, settings);
	loop->turn_begin_ns = 0;
	loop->turns++;
	if (length) {
		loop->buckets[histogram_bucket(length)]++;
		loop->busy_ns += least(follow->times.blocked, length);
	}
	if (length >= settings->threshold_ns)
		tell_ended(follow, settings, end_ns);
	follow->begin_ns = 0;
	stack_clock_close(&follow->clock);
}

/* The turn has come thus far for certain. */
static void go_on(struct follow *follow, const struct follow_settings *settings,
	const struct asleep *at, uint64_t now)
{
	struct stall_loop *loop = follow->loop;
	uint64_t age = now - follow->begin_ns;

	follow->known_ns = now;
	if (settings->clock && age + 2 * settings->step_ns >= settings->threshold_ns)
		stack_clock_open(&follow->clock, (pid_t)follow->tid, settings->interval_ns);
	if (age < settings->threshold_ns)
		return;
	loop->times = follow->times;
	loop->call = (int32_t)(at->call >= 0 ? at->call : -1);
	move_to(follow, at->call == ASLEEP_RUNNING ? STALL_RUNS : STALL_SLEEPS, now);
	if (!follow->published) {
		follow->published = true;
		if (loop->state == STALL_LOOP_FREE)
			loop->state = STALL_LOOP_UNSEEN;
		loop->minor_faults = follow->base.minor_faults;
		loop->major_faults = follow->base.major_faults;
		loop->io_calls = follow->base.io_calls;
		loop->next_sample_ns = 0;
		loop->turn_begin_ns = follow->begin_ns;
	}
	take_samples(follow, settings);
}

/* --- looks --------------------------------------------------------------------------------------
 */

/* Takes the hits. Returns when the first of the loop's own waits began; 0: none did. */
static uint64_t take_hits(struct follow *follow)
{
	struct trap_hit hit;
	uint64_t first_ns = 0;

	while (traps_next(&follow->traps, &hit)) {
		if (!is_main(follow, hit.call, hit.argument))
			continue;
		if (follow->loop->state != STALL_LOOP_LIVE &&
			follow_wait_of(hit.call) == STALL_WAIT_EPOLL)
			set_main(follow->loop, STALL_WAIT_EPOLL, (int32_t)hit.argument);
		if (!first_ns)
			first_ns = hit.time_ns;
	}
	return first_ns;
}

/* Whether it slept from one look to the other: it has not been given a CPU. */
static bool slept(const struct follow *follow, const struct asleep *at, const struct usage *usage)
{
	return at->call != ASLEEP_RUNNING && at->call == follow->at.call &&
	       at->sp == follow->at.sp && usage->slices && usage->slices == follow->last.slices;
}

static void set_traps(struct follow *follow, const struct follow_settings *settings)
{
	const struct wait_sites *sites = &follow->process->sites;
	int error;

	if (!settings->traps || !sites->count || sites->more)
		return;
	error = traps_set(&follow->traps, sites->addresses, sites->count);
	if (error)
		follow->trap_error = error;
}

static void found_waiting(
	struct follow *follow, const struct follow_settings *settings, const struct asleep *at)
{
	bool was_waiting = follow->loop->waiting;
	uint64_t hit_ns = follow->begin_ns ? take_hits(follow) : 0;
	struct usage usage;

	if (!was_waiting) {
		usage_read(follow->process->pid, follow->tid, &follow->process->cgroup, &usage);
		if (follow->begin_ns)
			settle(follow, &usage, &follow->at,
				grown(follow->known_ns, hit_ns ? hit_ns : follow->known_ns));
		follow->last = usage;
	}
	end_turn(follow, settings, hit_ns);
	learn_wait(follow, at, !was_waiting);
	follow->loop->waiting = 1;
	traps_unset(&follow->traps);
	follow->at = *at;
}

static void found_in_turn(struct follow *follow, const struct follow_settings *settings,
	const struct asleep *at, const struct usage *usage, uint64_t now)
{
	bool was_set = follow->traps.is_set, certain = false;
	uint64_t hit_ns = take_hits(follow);

	if (follow->begin_ns) {
		certain = slept(follow, at, usage) || (was_set && follow->traps.is_set && !hit_ns);
		/* A thread that has not been seen to wait may do so at a place of its own. */
		if (follow->loop->state != STALL_LOOP_LIVE && at->call == ASLEEP_RUNNING)
			certain = certain && usage->io_calls == follow->last.io_calls;
	}
	if (certain || hit_ns)
		settle(follow, usage, at, (certain ? now : hit_ns) - follow->known_ns);
	follow->last = *usage;
	if (!certain)
		end_turn(follow, settings, hit_ns);
	set_traps(follow, settings);
	if (certain)
		go_on(follow, settings, at, now);
	else
		begin_turn(follow, usage);
	follow->at = *at;
}

/* As asleep_look; one that has ended and waits for its parent to notice has no stack any more. */
static int look(const struct follow *follow, struct asleep *ret)
{
	int error = asleep_look(follow->process->pid, follow->tid, ret);

	return !error && ret->call == ASLEEP_BLOCKED && !ret->sp ? -ESRCH : error;
}

int follow_look(struct follow *follow, const struct follow_settings *settings)
{
	struct followed *process = follow->process;
	struct asleep at;
	struct usage usage;
	uint64_t now;
	int error = look(follow, &at);

	if (error)
		return error;
	if (waits(follow, &at)) {
		found_waiting(follow, settings, &at);
		return 0;
	}
	/* In this order: whoever is asleep now has been since the count of its slices. */
	now = clock_monotonic_ns();
	usage_read(process->pid, follow->tid, &process->cgroup, &usage);
	error = look(follow, &at);
	if (error)
		return error;
	if (waits(follow, &at))
		found_waiting(follow, settings, &at);
	else
		found_in_turn(follow, settings, &at, &usage, now);
	return 0;
}

void follow_tally(struct follow *follow)
{
	struct usage usage;

	usage_read(follow->process->pid, follow->tid, &follow->process->cgroup, &usage);
	if (follow->tallied_cpu_ns)
		follow->loop->busy_ns += grown(follow->tallied_cpu_ns, usage.cpu_ns);
	if (usage.cpu_ns)
		follow->tallied_cpu_ns = usage.cpu_ns;
}

void follow_begin(struct follow *follow, struct followed *process, struct stall_loop *loop,
	uint32_t index, const struct asleep *at, bool is_loop)
{
	uint32_t tid = loop->tid;

	*follow = (struct follow){
		.process = process,
		.loop = loop,
		.tid = tid,
		.index = index,
		.polls = is_loop ? STALL_WAITS_TO_BELIEVE : 0,
	};
	traps_init(&follow->traps, (pid_t)tid);
	stack_clock_init(&follow->clock);
	usage_read(process->pid, tid, &process->cgroup, &follow->last);
	loop->first_wait_ns = clock_monotonic_ns();
	if (follow_wait_of(at->call) != STALL_WAIT_NONE) {
		learn_wait(follow, at, true);
		loop->waiting = 1;
	} else {
		begin_turn(follow, &follow->last);
	}
	follow->at = *at;
}

void follow_end(struct follow *follow, const struct follow_settings *settings)
{
	if (!follow->process)
		return;
	if (follow->begin_ns && follow->published)
		take_samples(follow, settings);
	stack_clock_close(&follow->clock);
	traps_done(&follow->traps);
	follow->process = NULL;
}
