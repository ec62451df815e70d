// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * stall.bpf.c - turns of event loops and where their time goes, seen by the kernel. Tracepoints on
 * the wait calls begin and end turns; the scheduler's events part a turn's time; a clock on each
 * CPU copies registers and stack of a loop that is on its way past the threshold. Nothing is done
 * to a process: no uprobe, no write into its memory, no signal.
 *
 * None is of type kprobe (a uprobe's), or may sleep: Linux 6.13 and later run such programs
 * preemptibly on stacks that belong to the CPU, and have panicked of it (hazard 30). The types here
 * run where nothing preempts them, or are passed over while one is at work on that CPU; nor is
 * there a call from one program to another.
 *
 * Fields of the kernel's structures are loaded directly where the verifier knows the pointer's
 * type, which costs a nanosecond where a helper takes twenty. A null or stale pointer on the way
 * reads as zero (the kernel handles the fault).
 *
 * Every program returns at its first look-up if the thread is not one of a watched process. A
 * loop's own state lies in `loops`; only its own thread and, at a wake-up, its waker write to it.
 *
 * Data: tracepoints, the watched threads' memory -> struct stall_loop, records in the ring
 * (stall.h). What a turn, a loop and a nested loop are is as in src/preload/loop.c, which does the
 * same in the process itself.
 */
#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "copy.h"
#include "kernel.h"
#include "polled.h"
#include "stall.h"
#include "task.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum {
	EARLY = 8,          /* part of the threshold from which on a turn is sampled */
	LEAVE_NS = 3000000, /* between samples of leaving, at least */
	SAMPLES_EVEN = 32,  /* samples at the first interval; later ones spread in proportion */
	NO_EPOLL = -1,      /* in place of a descriptor: a set of them, by poll or select */
	PF_EXITING = 4,     /* include/linux/sched.h */
	/* In place of a poll's result (include/linux/errno.h): a signal without a handler came, and
	 * the poll goes on as restart_syscall. */
	ERESTART_RESTARTBLOCK = 516,
};

/* Set before loading. */
const volatile __u64 threshold_ns = 50000000;
const volatile __u32 own_pid_namespace; /* inode number of the tool's */
const volatile __u32 own_pid_level;
const volatile __u32 switch_tells_state = 1; /* since Linux 5.18 */

struct stall_counts counts;

/* What is known of a thread. */
struct thread {
	__u32 loop; /* index + 1; 0: it is none yet */
	__s32 candidate;
	__u32 waits; /* on the candidate, in a row */
	__u64 first_wait_ns;
	__u64 epoll; /* identity of the candidate's file */
	/* What a loop that polls waits on, what the candidate does, and this wait. */
	struct wait_set main, set;
	struct wait_list now;
	union polled copy;
	__u32 set_listens; /* a socket in the candidate's */
	__u32 is_lost;     /* there was no slot for its loop, which has been counted */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct stall_target);
} targets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread);
} threads SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, STALL_LOOPS_MAX);
	__type(key, __u32);
	__type(value, struct stall_loop);
} loops SEC(".maps");

/* Indexes of free slots, put there by the tool. */
struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, STALL_LOOPS_MAX);
	__type(value, __u32);
} free_loops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} ring SEC(".maps");

static __always_inline void count(__u64 *counter)
{
	__sync_fetch_and_add(counter, 1);
}

/* Most threads of a machine have no storage of any program's: a load tells, and saves the call. */
static __always_inline int has_storage(struct task_struct *task)
{
	return !bpf_core_field_exists(task->bpf_storage) || task->bpf_storage;
}

static __always_inline struct thread *thread_of(struct task_struct *task)
{
	return has_storage(task) ? bpf_task_storage_get(&threads, task, 0, 0) : NULL;
}

static __always_inline struct stall_target *target_of(struct task_struct *task)
{
	struct task_struct *leader = task->group_leader;

	return has_storage(leader) ? bpf_task_storage_get(&targets, leader, 0, 0) : NULL;
}

static __always_inline struct stall_loop *loop_of(const struct thread *thread)
{
	__u32 index;

	if (!thread || !thread->loop)
		return NULL;
	index = thread->loop - 1;
	return bpf_map_lookup_elem(&loops, &index);
}

/* The thread's number for the tool. */
static __always_inline __u32 tool_number(struct task_struct *task)
{
	return number_at(task, own_pid_level, own_pid_namespace);
}

/* --- where the time goes ------------------------------------------------------------------------
 */

static __always_inline void move_to(struct stall_loop *loop, __u32 place, __u64 now)
{
	loop->place = place;
	loop->place_ns = now;
}

/* Adds what has passed at the loop's place. `holder` is the task that had the CPU until now. */
static __always_inline void settle(struct stall_loop *loop, __u64 now, struct task_struct *holder)
{
	__u64 passed = now - loop->place_ns;

	switch (loop->place) {
	case STALL_SLEEPS:
		loop->times.blocked += passed;
		break;
	case STALL_THROTTLED:
		loop->times.throttled += passed;
		/* fallthrough */
	case STALL_QUEUES:
		loop->times.runqueue += passed;
		if (holder && passed > loop->times.queue_longest) {
			loop->times.queue_longest = passed;
			BPF_CORE_READ_STR_INTO(&loop->times.holder, holder, comm);
		}
		break;
	}
}

/* --- turns --------------------------------------------------------------------------------------
 */

static __always_inline void begin_record(
	struct stall_record *record, __u32 kind, const struct stall_loop *loop, __u32 index)
{
	record->kind = kind;
	record->target = loop->target;
	record->loop = index;
	record->generation = loop->generation;
	record->time_ns = bpf_ktime_get_ns();
}

static __always_inline void begin_turn(
	struct stall_loop *loop, struct task_struct *task, __u32 ready, __u64 now)
{
	__builtin_memset(&loop->times, 0, sizeof(loop->times));
	loop->ready = ready;
	loop->minor_faults = task->min_flt;
	loop->major_faults = task->maj_flt;
	loop->io_calls = io_calls_of(task);
	/* Held back by the tool until it is a stall. */
	loop->next_sample_ns = loop->next_leave_ns = now + threshold_ns / EARLY;
	move_to(loop, STALL_RUNS, now);
	loop->waiting = 0;
	loop->turn_begin_ns = now;
}

static __always_inline void tell_ended(
	struct stall_loop *loop, __u32 index, struct task_struct *task, __u64 begin, __u64 now)
{
	struct stall_ended *ended = bpf_ringbuf_reserve(&ring, sizeof(*ended), 0);

	if (!ended) {
		count(&counts.lost_events);
		return;
	}
	begin_record(&ended->record, STALL_RECORD_ENDED, loop, index);
	ended->record.time_ns = now;
	ended->begin_ns = begin;
	ended->times = loop->times;
	/* By the helper, see task.h. */
	ended->minor_faults = BPF_CORE_READ(task, min_flt) - loop->minor_faults;
	ended->major_faults = BPF_CORE_READ(task, maj_flt) - loop->major_faults;
	if (bpf_core_field_exists(task->ioac.syscr))
		ended->io_calls = BPF_CORE_READ(task, ioac.syscr) +
				  BPF_CORE_READ(task, ioac.syscw) - loop->io_calls;
	else
		ended->io_calls = 0;
	ended->ready = loop->ready;
	bpf_ringbuf_submit(ended, 0);
}

/* src/base/histogram.h, without an instruction that counts leading zeros. */
static __always_inline __u32 bucket_of(__u64 ns)
{
	__u64 rest = ns >> 7;
	__u32 shift = 0, bucket;

	if (!rest)
		return ns;
#pragma unroll
	for (int step = 32; step; step >>= 1) {
		if (rest >> step) {
			rest >>= step;
			shift += step;
		}
	}
	bucket = (shift << 7) + (__u32)(ns >> shift);
	return bucket < STALL_BUCKETS ? bucket : STALL_BUCKETS - 1;
}

static __always_inline void end_turn(
	struct stall_loop *loop, __u32 index, struct task_struct *task, __u64 now)
{
	__u64 begin = loop->turn_begin_ns, turn = now - begin;
	__u32 bucket;

	loop->waiting = 1;
	if (!begin)
		return;
	/* Before it is told: whoever has been told must not find the turn going on. */
	loop->turn_begin_ns = 0;
	bucket = bucket_of(turn);
	if (bucket < STALL_BUCKETS)
		loop->buckets[bucket]++;
	loop->turns++;
	loop->busy_ns += turn;
	if (turn >= threshold_ns)
		tell_ended(loop, index, task, begin, now);
}

/* --- loops --------------------------------------------------------------------------------------
 */

static __always_inline struct stall_loop *take_slot(
	struct task_struct *task, struct thread *thread, __u32 target, __u32 state)
{
	struct stall_loop *loop;
	__u32 index;

	if (bpf_map_pop_elem(&free_loops, &index)) {
		/* It asks again at each wait. */
		if (!thread->is_lost)
			count(&counts.lost_loops);
		thread->is_lost = 1;
		return NULL;
	}
	loop = bpf_map_lookup_elem(&loops, &index);
	if (!loop)
		return NULL;
	loop->generation++;
	loop->target = target;
	loop->tid = tool_number(task);
	loop->own_tid = own_number(task);
	loop->descriptor = -1;
	loop->wait = STALL_WAIT_NONE;
	loop->waiting = 0;
	loop->call = -1;
	loop->epoll = 0;
	loop->anchor = 0;
	loop->turn_begin_ns = 0;
	loop->first_wait_ns = bpf_ktime_get_ns();
	__builtin_memset(&loop->times, 0, sizeof(loop->times));
	thread->loop = index + 1;
	loop->state = state;
	return loop;
}

static __always_inline void set_main(
	struct stall_loop *loop, __u32 wait, __s32 descriptor, __u64 epoll)
{
	loop->wait = wait;
	loop->descriptor = descriptor;
	loop->epoll = epoll;
	loop->state = STALL_LOOP_LIVE;
}

/* Counts waits on one epoll in a row. */
static __always_inline void consider(
	struct thread *thread, __s32 descriptor, __u64 epoll, __u64 now)
{
	if (thread->waits && thread->candidate == descriptor && thread->epoll == epoll) {
		thread->waits++;
		return;
	}
	thread->candidate = descriptor;
	thread->epoll = epoll;
	thread->first_wait_ns = now;
	thread->waits = 1;
}

/* Whether this wait ends a turn of the loop: another epoll inside a turn is a nested loop, unless
 * the first one is gone. */
static __always_inline int is_main(
	struct stall_loop *loop, struct task_struct *task, __s32 descriptor, __u64 epoll)
{
	if (loop->state == STALL_LOOP_LIVE && loop->descriptor == descriptor)
		return 1;
	if (loop->state == STALL_LOOP_LIVE && loop->descriptor >= 0 &&
		file_of(task, loop->descriptor) == loop->epoll)
		return 0;
	set_main(loop, STALL_WAIT_EPOLL, descriptor, epoll);
	return 1;
}

static __always_inline struct thread *thread_made(struct task_struct *task, struct thread *thread)
{
	if (!thread)
		thread = bpf_task_storage_get(&threads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!thread)
		count(&counts.storage);
	return thread;
}

/* The thread's candidate has been believed: it is the loop's from now on, which waits in it. */
static __always_inline void begin_loop(struct task_struct *task, struct thread *thread,
	struct stall_loop *loop, __u32 target, __u32 wait)
{
	if (!loop)
		loop = take_slot(task, thread, target, STALL_LOOP_UNSEEN);
	if (!loop)
		return;
	loop->first_wait_ns = thread->first_wait_ns;
	loop->turn_begin_ns = 0; /* what an unseen one did before was no turn */
	set_main(loop, wait, thread->candidate, thread->epoll);
	loop->waiting = 1;
}

static __always_inline int epoll_begins(__s32 descriptor)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread = thread_of(task);
	struct stall_loop *loop = loop_of(thread);
	struct stall_target *target;
	__u64 now, epoll;

	if (loop && loop->state == STALL_LOOP_LIVE && loop->descriptor == descriptor) {
		end_turn(loop, thread->loop - 1, task, bpf_ktime_get_ns());
		return 0;
	}
	target = target_of(task);
	if (!target)
		return 0;
	thread = thread_made(task, thread);
	if (!thread)
		return 0;
	now = bpf_ktime_get_ns();
	epoll = file_of(task, descriptor);
	if (loop && is_main(loop, task, descriptor, epoll)) {
		end_turn(loop, thread->loop - 1, task, now);
		return 0;
	}
	consider(thread, descriptor, epoll, now);
	if (!loop && thread->waits >= 2)
		begin_loop(task, thread, loop, target->id, STALL_WAIT_EPOLL);
	return 0;
}

/* Counts waits on one set; what listens stays the candidate. Returns whether this was one on it. */
static __always_inline int consider_set(struct thread *thread, struct task_struct *task)
{
	int is_set = thread->waits && thread->candidate == NO_EPOLL;

	if (is_set && set_is_same(&thread->set, &thread->now)) {
		set_renew(&thread->set, &thread->now);
		thread->waits++;
		return 1;
	}
	if (is_set && thread->set_listens && set_rank(task, &thread->set) == SET_LISTENS)
		return 0;
	thread->candidate = NO_EPOLL;
	thread->epoll = 0;
	thread->first_wait_ns = bpf_ktime_get_ns();
	thread->waits = 1;
	set_begin(task, &thread->set, &thread->now);
	thread->set_listens = set_rank(task, &thread->set) == SET_LISTENS;
	return 1;
}

static __always_inline int adopts_set(
	struct thread *thread, struct stall_loop *loop, struct task_struct *task)
{
	if (thread->waits > 1 && thread->waits % STALL_WAITS_TO_BELIEVE)
		return 0;
	if (!set_is_gone(task, &thread->main)) {
		if (thread->waits < STALL_WAITS_TO_BELIEVE ||
			set_rank(task, &thread->set) <= set_rank(task, &thread->main))
			return 0;
		/* Since when it was the loop's is not known: what went on was no turn. */
		loop->turn_begin_ns = 0;
	}
	thread->main = thread->set;
	thread->waits = 0;
	return 1;
}

/* Whether a poll or select may be a loop's: threads poll for many reasons. */
static __always_inline int may_poll(struct task_struct *task, const struct stall_loop *loop)
{
	struct stall_target *target;

	if (loop && loop->state == STALL_LOOP_LIVE)
		return loop->descriptor < 0;
	target = target_of(task);
	return target && target->listens;
}

/* A wait on thread->now begins. */
static __always_inline int poll_begins(
	__u32 wait, struct task_struct *task, struct thread *thread, struct stall_loop *loop)
{
	struct stall_target *target;

	if (loop && loop->state == STALL_LOOP_LIVE) {
		if (set_is_same(&thread->main, &thread->now)) {
			set_renew(&thread->main, &thread->now);
			if (!thread->set_listens)
				thread->waits = 0;
		} else if (!consider_set(thread, task) || !adopts_set(thread, loop, task)) {
			return 0;
		}
		loop->wait = wait;
		end_turn(loop, thread->loop - 1, task, bpf_ktime_get_ns());
		return 0;
	}
	target = target_of(task);
	if (!target || !consider_set(thread, task) || thread->waits < STALL_WAITS_TO_BELIEVE ||
		!thread->set.count)
		return 0;
	begin_loop(task, thread, loop, target->id, wait);
	thread->main = thread->set;
	thread->waits = 0;
	return 0;
}

static __always_inline int entries_begin(__u64 address, __u32 count)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread = thread_of(task);
	struct stall_loop *loop = loop_of(thread);

	if (!may_poll(task, loop))
		return 0;
	thread = thread_made(task, thread);
	if (!thread || list_of_entries(&thread->now, &thread->copy, address, count))
		return 0;
	return poll_begins(STALL_WAIT_POLL, task, thread, loop);
}

static __always_inline int sets_begin(__u32 limit, const __u64 addresses[3])
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread = thread_of(task);
	struct stall_loop *loop = loop_of(thread);

	if (!may_poll(task, loop))
		return 0;
	thread = thread_made(task, thread);
	if (!thread || list_of_sets(&thread->now, &thread->copy, limit, addresses))
		return 0;
	return poll_begins(STALL_WAIT_SELECT, task, thread, loop);
}

static __always_inline int wait_ends(__s64 result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread = thread_of(task);
	struct stall_loop *loop = loop_of(thread);

	if (loop && loop->waiting && result != -ERESTART_RESTARTBLOCK)
		begin_turn(loop, task, result > 0 ? result : 0, bpf_ktime_get_ns());
	return 0;
}

/* The records of the tracepoints on system calls: tracing/events/syscalls (common part, number). */
struct syscall_enter {
	__u64 common;
	__s64 number;
	__u64 arguments[4];
};

struct syscall_exit {
	__u64 common;
	__s64 number;
	__s64 result;
};

/* Each is attached to several calls, and so verified but once. */

SEC("tracepoint")
int enter_epoll(struct syscall_enter *context)
{
	return epoll_begins((__s32)context->arguments[0]);
}

SEC("tracepoint")
int enter_poll(struct syscall_enter *context)
{
	return entries_begin(context->arguments[0], context->arguments[1]);
}

SEC("tracepoint")
int enter_select(struct syscall_enter *context)
{
	__u64 sets[] = {context->arguments[1], context->arguments[2], context->arguments[3]};

	return sets_begin(context->arguments[0], sets);
}

SEC("tracepoint")
int exit_wait(struct syscall_exit *context)
{
	return wait_ends(context->result);
}

/* --- samples ------------------------------------------------------------------------------------
 */

/* A sample of a loop's turn without the thread's registers; null if there is no room. */
static __always_inline struct stall_sample *begin_sample(
	const struct stall_loop *loop, const struct thread *thread)
{
	struct stall_sample *sample = bpf_ringbuf_reserve(&ring, sizeof(*sample), 0);

	if (!sample) {
		count(&counts.lost_samples);
		return NULL;
	}
	begin_record(&sample->record, STALL_RECORD_SAMPLE, loop, thread->loop - 1);
	sample->turn_begin_ns = loop->turn_begin_ns;
	sample->times = loop->times;
	sample->pieces_count = 0;
	sample->leaves = STALL_LEAVES_NOT;
	sample->call = -1;
	return sample;
}

/* The rest of it, for the thread whose registers it has and whose memory is at hand. */
static __always_inline void finish_sample(
	struct stall_sample *sample, struct task_struct *task, const struct stall_loop *loop)
{
	struct stall_target *target = target_of(task);

	copy_stack(sample, sample->registers[7]);
	if (target && target->chase.kind == STALL_CHASE_FRAMES)
		chase_frames(sample, &target->chase, sample->registers[6]);
	else if (target && target->chase.kind == STALL_CHASE_CHAIN)
		chase_chain(sample, &target->chase, loop->anchor);
	bpf_ringbuf_submit(sample, 0);
}

SEC("perf_event")
int on_clock(struct bpf_perf_event_data *context)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread = thread_of(task);
	struct stall_loop *loop = loop_of(thread);
	struct stall_sample *sample;
	__u64 now;

	if (!loop || !loop->turn_begin_ns || loop->state >= STALL_LOOP_GONE)
		return 0;
	now = bpf_ktime_get_ns();
	if (now < loop->next_sample_ns)
		return 0;
	loop->next_sample_ns = now + (now - loop->turn_begin_ns) / SAMPLES_EVEN;
	sample = begin_sample(loop, thread);
	if (!sample)
		return 0;
	copy_registers(task, context, sample);
	finish_sample(sample, task, loop);
	return 0;
}

/*
 * The thread leaves its CPU in a turn that may become a stall. What passes until it is back belongs
 * to where it is now: a collector that waits for its helpers, and goes on for a moment only, would
 * hardly ever be met by the clock.
 */
static __always_inline void sample_leaving(
	struct task_struct *task, const struct thread *thread, struct stall_loop *loop, __u64 now)
{
	struct stall_sample *sample;
	struct pt_regs entered = {};

	if (!loop->turn_begin_ns || now < loop->next_leave_ns || loop->state >= STALL_LOOP_GONE)
		return;
	loop->next_leave_ns = now + LEAVE_NS + (now - loop->turn_begin_ns) / SAMPLES_EVEN;
	sample = begin_sample(loop, thread);
	if (!sample)
		return;
	if (loop->place == STALL_SLEEPS) {
		sample->leaves = STALL_LEAVES_SLEEPS;
		sample->call = loop->call;
	} else {
		sample->leaves = STALL_LEAVES_QUEUES;
	}
	bpf_probe_read_kernel(&entered, sizeof(entered), (void *)bpf_task_pt_regs(task));
	COPY_REGISTERS(sample->registers, entered);
	finish_sample(sample, task, loop);
}

/* --- the scheduler ------------------------------------------------------------------------------
 */

/* The state in which a thread leaves its CPU. A waker may have changed its own record of it. */
static __always_inline __u32 state_left(const unsigned long long *context, struct task_struct *prev)
{
	return switch_tells_state ? (__u32)context[3] : prev->__state;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, _Bool preempted, struct task_struct *prev, struct task_struct *next)
{
	struct thread *thread = thread_of(prev);
	struct stall_loop *loop = loop_of(thread);
	__u64 now;

	if (loop && !loop->waiting) {
		now = bpf_ktime_get_ns();
		if (preempted || !state_left(ctx, prev)) {
			move_to(loop, is_throttled(prev) ? STALL_THROTTLED : STALL_QUEUES, now);
		} else {
			loop->call = call_of(prev);
			move_to(loop, STALL_SLEEPS, now);
		}
		sample_leaving(prev, thread, loop, now);
	}
	loop = loop_of(thread_of(next));
	if (loop && !loop->waiting) {
		now = bpf_ktime_get_ns();
		settle(loop, now, prev);
		move_to(loop, STALL_RUNS, now);
	}
	return 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(on_wakeup, struct task_struct *task)
{
	struct stall_loop *loop = loop_of(thread_of(task));
	__u64 now;

	if (!loop || loop->waiting || loop->place != STALL_SLEEPS)
		return 0;
	now = bpf_ktime_get_ns();
	settle(loop, now, NULL);
	move_to(loop, is_throttled(task) ? STALL_THROTTLED : STALL_QUEUES, now);
	return 0;
}

/* --- processes ----------------------------------------------------------------------------------
 */

static __always_inline void tell_process(__u32 target, __u32 event, __u32 pid)
{
	struct stall_process *process = bpf_ringbuf_reserve(&ring, sizeof(*process), 0);

	if (!process) {
		count(&counts.lost_events);
		return;
	}
	process->record.kind = STALL_RECORD_PROCESS;
	process->record.target = target;
	process->record.loop = process->record.generation = 0;
	process->record.time_ns = bpf_ktime_get_ns();
	process->event = event;
	process->pid = pid;
	bpf_ringbuf_submit(process, 0);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	struct stall_target *target = target_of(parent);

	if (target && target->follow && child->tgid != parent->tgid)
		tell_process(target->id, STALL_PROCESS_FORKED, tool_number(child));
	return 0;
}

/*
 * A thread that is not the first one takes that one's number, and its own task becomes the
 * process's: what was stored of the process is gone with the first. Whose process it is the tool
 * finds out then, by the number.
 */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_pid)
{
	struct stall_target *target = target_of(task);
	struct thread *thread = thread_of(task);
	struct stall_loop *loop = loop_of(thread);

	if (!target && task->pid == old_pid)
		return 0;
	if (loop)
		loop->state = STALL_LOOP_GONE;
	if (thread)
		__builtin_memset(thread, 0, sizeof(*thread));
	tell_process(target ? target->id : 0, STALL_PROCESS_EXECUTED, tool_number(task));
	return 0;
}

/* Ending takes the thread a while, asleep and on a CPU, in which its slot may be another's. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	struct thread *thread = thread_of(task);
	struct stall_loop *loop = loop_of(thread);

	if (!loop)
		return 0;
	thread->loop = 0;
	loop->state = task->exit_code & 0x7f ? STALL_LOOP_KILLED : STALL_LOOP_GONE;
	return 0;
}

/* --- threads that are there already -------------------------------------------------------------
 */

/* Numbers of the calls on x86-64 (arch/x86/entry/syscalls/syscall_64.tbl). */
static __always_inline __u32 wait_of(__s32 call)
{
	switch (call) {
	case 232: /* epoll_wait */
	case 281: /* epoll_pwait */
	case 441: /* epoll_pwait2 */
		return STALL_WAIT_EPOLL;
	case 7:   /* poll */
	case 271: /* ppoll */
		return STALL_WAIT_POLL;
	case 23:  /* select */
	case 270: /* pselect6 */
		return STALL_WAIT_SELECT;
	default:
		return STALL_WAIT_NONE;
	}
}

/*
 * Run once for the threads of a process that has just become a target. A thread that waits is seen
 * when its wait returns, and not before; the first thread, if it does not wait, may hang in its
 * loop, and is watched for that.
 */
SEC("iter/task")
int seed(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	struct stall_target *target;
	struct stall_loop *loop;
	struct pt_regs *registers;
	struct thread *thread;
	__u64 descriptor = 0, epoll, now;
	__u32 wait;
	__s32 call;

	if (!task)
		return 0;
	target = target_of(task);
	/* One that has ended would never give its slot back. */
	if (!target || task->flags & PF_EXITING)
		return 0;
	thread = bpf_task_storage_get(&threads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!thread) {
		count(&counts.storage);
		return 0;
	}
	if (thread->loop || thread->waits)
		return 0;
	now = bpf_ktime_get_ns();
	registers = (struct pt_regs *)bpf_task_pt_regs(task);
	call = call_of(task);
	wait = task->__state ? wait_of(call) : STALL_WAIT_NONE;
	if (wait == STALL_WAIT_EPOLL) {
		bpf_probe_read_kernel(&descriptor, sizeof(descriptor), &registers->rdi);
		epoll = file_of(task, descriptor);
		loop = take_slot(task, thread, target->id, STALL_LOOP_UNSEEN);
		if (loop) {
			set_main(loop, wait, descriptor, epoll);
			loop->waiting = 1;
		}
		return 0;
	}
	if (wait != STALL_WAIT_NONE || task->pid != task->tgid || target->is_new)
		return 0;
	loop = take_slot(task, thread, target->id, STALL_LOOP_UNSEEN);
	if (!loop)
		return 0;
	begin_turn(loop, task, 0, now);
	if (task->__state) {
		loop->call = call;
		move_to(loop, STALL_SLEEPS, now);
	}
	return 0;
}
