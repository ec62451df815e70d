/* SPDX-License-Identifier: Apache-2.0 */
#include "watch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "asleep.h"
#include "clock.h"
#include "held.h"
#include "proc_path.h"
#include "sys.h"
#include "tally.h"
#include "usage.h"
#include "waits_on.h"
#include "weigh.h"

enum {
	SAMPLES_EVEN = 32, /* samples at the first interval; later ones spread in proportion */
	STACK_WORD = 8,
};

static const uint64_t startup_ns = 10000000000;
static const uint64_t rest_ns = 60000000000;
static const uint64_t adopt_ns = 1000000000; /* without a wait, until a first thread is a loop */

/* What is known of one loop, beside the source's own. */
struct watch {
	uint32_t generation; /* of the slot: another one is another thread's loop */
	struct attached *process;
	uint32_t id;             /* in the recording; 0: not declared */
	char thread[32];         /* its name */
	uint64_t startup_end_ns; /* 0: start-up goes on */
	bool ignored; /* a first thread that turned out to be no loop, or not ours to look at */
	struct tally tally;

	/* The stall in progress, by its turn's beginning. */
	struct record_stall stall; /* id 0: none */
	uint64_t next_sample_ns;
	uint64_t io_calls, io_moved_ns; /* when a reading last showed new calls */
	char holder[STALL_NAME_BYTES];  /* of the CPU */
	struct held held;
	struct weigh weigh;

	/* The stack of the main wait, for who reads the samples. */
	uint64_t rested_ns; /* when it was written last; 0: never */
	bool rest_due;      /* something was sampled since */
};

struct watches {
	const struct source_ops *ops;
	struct source *source;
	const struct attach_options *options;
	struct attached *(*find)(void *context, uint32_t id);
	void *context;
	struct stall_loop *loops;
	struct asleep_copy copy;
	struct memory_patch patches[STALL_PIECES];
	struct unwind_slot slots[ASLEEP_SLOTS_MAX];
	struct watches_figures figures;
	struct watch entries[STALL_LOOPS_MAX];
};

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The probes write at any time: each word is read once. */
static uint64_t word(const __u64 *at)
{
	return __atomic_load_n(at, __ATOMIC_RELAXED);
}

static uint32_t half(const __u32 *at)
{
	return __atomic_load_n(at, __ATOMIC_RELAXED);
}

struct watches *watches_new(const struct source_ops *ops, struct source *source,
	const struct attach_options *options, struct attached *(*find)(void *context, uint32_t id),
	void *context)
{
	struct watches *watches = calloc(1, sizeof(*watches));

	if (!watches)
		return NULL;
	watches->ops = ops;
	watches->source = source;
	watches->options = options;
	watches->find = find;
	watches->context = context;
	watches->loops = ops->loops(source);
	return watches;
}

void watches_free(struct watches *watches)
{
	for (size_t i = 0; watches && i < STALL_LOOPS_MAX; i++)
		held_drop(&watches->entries[i].held);
	free(watches);
}

/* --- loops --------------------------------------------------------------------------------------
 */

/* The watch of a slot; null: there is no such process any more. */
static struct watch *watch_of(struct watches *watches, uint32_t index)
{
	const struct stall_loop *loop = &watches->loops[index];
	struct watch *watch = &watches->entries[index];

	if (watch->generation != half(&loop->generation)) {
		held_drop(&watch->held);
		memset(watch, 0, sizeof(*watch));
		watch->generation = half(&loop->generation);
		watch->process = watches->find(watches->context, half(&loop->target));
	}
	return watch->process && !watch->process->is_gone ? watch : NULL;
}

/* A thread that has ended keeps the name that it had. */
static void read_name(struct watch *watch, const struct stall_loop *loop)
{
	char path[PROC_PATH_BYTES], name[sizeof(watch->thread)];
	int64_t length;

	proc_path_task(path, sizeof(path), watch->process->pid, loop->tid, "/comm");
	length = sys_read_file(path, name, sizeof(name));
	if (length <= 0)
		return;
	name[length - 1] = '\0'; /* without the newline */
	memcpy(watch->thread, name, sizeof(name));
}

static void declare(struct watch *watch, const struct stall_loop *loop)
{
	static const enum wait_call waits[] = {
		[STALL_WAIT_NONE] = WAIT_UNKNOWN,
		[STALL_WAIT_EPOLL] = WAIT_EPOLL,
		[STALL_WAIT_POLL] = WAIT_POLL,
		[STALL_WAIT_SELECT] = WAIT_SELECT,
	};

	read_name(watch, loop);
	writer_loop(watch->process->writer, &(struct record_loop){
						    .id = watch->id,
						    .tid = loop->own_tid,
						    .thread = watch->thread,
						    .wait = waits[loop->wait & 3],
						    .descriptor = loop->descriptor,
						    .first_wait_ns = loop->first_wait_ns,
						    .startup_end_ns = watch->startup_end_ns,
					    });
}

/* Start-up ends when the process serves, or some time after the first wait. */
static bool settle_startup(struct watch *watch, const struct stall_loop *loop, uint64_t now)
{
	uint64_t alone_ns = loop->first_wait_ns + startup_ns;

	if (watch->startup_end_ns)
		return false;
	if (watch->process->started_ns)
		watch->startup_end_ns = watch->process->started_ns;
	else if (now >= alone_ns)
		watch->startup_end_ns = alone_ns;
	return watch->startup_end_ns != 0;
}

/* To be called at each look. */
static void introduce(
	struct watches *watches, struct watch *watch, const struct stall_loop *loop, uint64_t now)
{
	bool has_started = settle_startup(watch, loop, now);

	if (watch->id && !has_started)
		return;
	if (!watch->id) {
		watch->id = ++watch->process->last_loop_id;
		watches->figures.loops++;
		tally_init(&watch->tally, loop->first_wait_ns > watch->process->since_ns
						  ? loop->first_wait_ns
						  : watch->process->since_ns);
	}
	declare(watch, loop);
}

/* Where the probe of its wait is left out, a thread would hang for ever. */
static bool waits_unseen(const struct stall_loop *loop)
{
	int32_t call = __atomic_load_n(&loop->call, __ATOMIC_RELAXED);

	return call == SYS_epoll_wait || call == SYS_epoll_pwait || call == SYS_epoll_pwait2;
}

/*
 * Whether to watch it. A first thread that has not waited since hangs in a loop, or has none: it
 * does if an epoll descriptor is there that nobody waits on.
 */
static bool is_loop(
	struct watches *watches, struct watch *watch, const struct stall_loop *loop, uint64_t now)
{
	uint32_t state = half(&loop->state);

	if (state >= STALL_LOOP_LIVE)
		return true;
	if (state != STALL_LOOP_UNSEEN || watch->ignored)
		return false;
	if (watch->id)
		return true;
	if (now - word(&loop->turn_begin_ns) < adopt_ns)
		return false;
	watch->ignored =
		waits_unseen(loop) || !attached_has_idle_epoll(watch->process, watches->loops);
	return !watch->ignored;
}

/* The process has a loop: whether it can be recorded. */
static bool settle(struct watches *watches, struct attached *process)
{
	struct stall_target target;

	if (process->is_settled)
		return true;
	if (attached_settle(process)) {
		process->is_gone = true;
		return false;
	}
	attached_ask(process);
	target = attached_target(process);
	watches->ops->update(watches->source, process->pidfd, &target);
	return true;
}

/* --- stalls -------------------------------------------------------------------------------------
 */

/* The times of a turn until now, with what goes on at this moment. */
static struct stall_times times_until(const struct stall_loop *loop, uint64_t now)
{
	struct stall_times times = loop->times;
	uint64_t since = word(&loop->place_ns), passed = now > since ? now - since : 0;

	switch (half(&loop->place)) {
	case STALL_SLEEPS:
		times.blocked += passed;
		break;
	case STALL_THROTTLED:
		times.throttled += passed;
		times.runqueue += passed;
		break;
	case STALL_QUEUES:
		times.runqueue += passed;
		break;
	default:
		break;
	}
	return times;
}

static uint64_t cpu_of(const struct stall_times *times, uint64_t duration_ns)
{
	uint64_t elsewhere = times->blocked + times->runqueue;

	return duration_ns > elsewhere ? duration_ns - elsewhere : 0;
}

static void account(struct watch *watch, const struct stall_times *times, uint64_t duration_ns)
{
	struct record_stall *stall = &watch->stall;

	stall->duration_ns = stall->measured_ns = duration_ns;
	stall->cpu_ns = cpu_of(times, duration_ns);
	stall->runqueue_ns = times->runqueue;
	stall->throttled_ns = times->throttled;
	stall->gc_ns = least(watch->weigh.gc_ns, duration_ns);
	memcpy(watch->holder, times->holder, sizeof(watch->holder));
}

static void write_stall(struct watch *watch)
{
	/* An id is valid until the next stack only. */
	watch->stall.holder = writer_string(watch->process->writer, watch->holder,
		strnlen(watch->holder, sizeof(watch->holder)));
	watch->stall.samples = watch->weigh.samples;
	writer_stall(watch->process->writer, &watch->stall);
	watch->process->report_due = true;
}

static void begin_stall(struct watches *watches, struct watch *watch, const struct stall_loop *loop,
	uint64_t begin_ns, uint64_t now)
{
	/* Whoever stalls for somebody serves by now; the tables that tell are long. */
	if (!watch->startup_end_ns && !watch->process->started_ns)
		attached_ask(watch->process);
	introduce(watches, watch, loop, now);
	watches->figures.stalls++;
	weigh_stop(&watch->weigh, watch->process->writer);
	watch->weigh = (struct weigh){0};
	watch->stall = (struct record_stall){
		.id = ++watch->process->last_stall_id,
		.loop = watch->id,
		.begin_ns = begin_ns,
		.startup = !watch->startup_end_ns || begin_ns < watch->startup_end_ns,
		.duration_ns = now - begin_ns,
		.ready = half(&loop->ready),
	};
	watch->next_sample_ns = now;
	watch->io_calls = 0;
	watch->io_moved_ns = begin_ns;
	watch->holder[0] = '\0';
	stacks_refresh(watch->process->stacks);
	write_stall(watch);
}

/* How far the turn has come, by what its callbacks read and write. */
static void follow_io(struct watch *watch, uint64_t calls, uint64_t now)
{
	struct record_stall *stall = &watch->stall;

	if (calls != watch->io_calls) {
		watch->io_calls = stall->io_calls = calls;
		watch->io_moved_ns = now;
	} else if (now > watch->io_moved_ns + stall->io_pause_ns) {
		stall->io_pause_ns = now - watch->io_moved_ns;
	}
}

static void read_io(struct watch *watch, const struct stall_loop *loop, uint64_t now)
{
	struct usage usage;

	usage_read(watch->process->pid, loop->tid, &watch->process->cgroup, &usage);
	if (usage.io_calls >= loop->io_calls)
		follow_io(watch, usage.io_calls - loop->io_calls, now);
}

/* --- samples ------------------------------------------------------------------------------------
 */

static struct weigh_moment moment_of(
	const struct watch *watch, const struct stall_times *times, uint64_t now)
{
	return (struct weigh_moment){
		.passed_ns = now - watch->stall.begin_ns,
		.away_ns = times->blocked + times->runqueue,
	};
}

/* The rest of a sample whose stack is recorded. */
static void add_sample(struct watches *watches, struct watch *watch, enum weigh_kind kind,
	struct record_sample *sample, bool collects, const struct stall_times *times)
{
	const struct weigh_moment at = moment_of(watch, times, sample->time_ns);

	sample->stall = watch->stall.id;
	sample->loop = watch->id;
	if (!sample->stack)
		writer_lost(watch->process->writer, LOSS_SAMPLE_STACK, 1, 0);
	watch->rest_due = true;
	watches->figures.samples++;
	weigh_add(&watch->weigh, watch->process->writer, kind, sample, collects, &at);
}

/* A sample of the source's: the thread ran. */
static void take_sample(struct watches *watches, struct watch *watch, const struct stall_loop *loop,
	const struct stall_sample *taken)
{
	struct stacks *stacks = watch->process->stacks;
	const struct lang *lang = stacks_lang(stacks);
	struct unwind_sample unwound = {
		.stack_start = taken->stack_start,
		.bytes = taken->stack,
		.length = taken->stack_length,
		.slots = watches->slots,
	};
	struct record_sample sample = {
		.time_ns = taken->record.time_ns,
		.syscall = taken->leaves ? taken->call : -1,
		.in_place = taken->leaves == STALL_LEAVES_SLEEPS,
	};
	bool collects = false;

	if (taken->stack_length < STACK_WORD) {
		watch->stall.samples_missed++;
		writer_lost(watch->process->writer, LOSS_SAMPLE_STACK, 1, 0);
		return;
	}
	memcpy(unwound.registers, taken->registers, sizeof(unwound.registers));
	for (uint32_t i = 0; i < taken->pieces_count; i++)
		watches->patches[i] = (struct memory_patch){
			.address = taken->pieces[i].address,
			.bytes = taken->pieces[i].bytes,
			.length = STALL_PIECE_BYTES,
		};
	stacks_patch(stacks, watches->patches, taken->pieces_count);
	if (lang && lang->ops->capture_asleep)
		unwound.slot_count = lang->ops->capture_asleep(
			lang->state, loop->own_tid, watches->slots, ASLEEP_SLOTS_MAX);
	sample.stack = stacks_record(stacks, watch->process->writer, &unwound, &collects);
	stacks_patch(stacks, NULL, 0);
	add_sample(watches, watch, taken->leaves ? WEIGH_LEAVES : WEIGH_CLOCK, &sample, collects,
		&taken->times);
}

/* Makes the stall of this turn the one in progress, with what was sampled before it was one. */
static void enter_stall(struct watches *watches, struct watch *watch, const struct stall_loop *loop,
	uint64_t begin_ns, uint64_t now)
{
	if (watch->stall.id && watch->stall.begin_ns == begin_ns)
		return;
	begin_stall(watches, watch, loop, begin_ns, now);
	for (unsigned i = 0; i < watch->held.count && held_is_of(&watch->held, begin_ns); i++)
		take_sample(watches, watch, loop, watch->held.samples[i]);
	held_drop(&watch->held);
}

/* Copies the stack of a thread that sleeps. Returns whether it does. */
static bool copy_asleep(struct watches *watches, const struct watch *watch,
	const struct stall_loop *loop, struct asleep *ret)
{
	struct attached *process = watch->process;
	uint64_t start, end;

	if (!loop->tid || asleep_look(process->pid, loop->tid, ret) || ret->call == ASLEEP_RUNNING)
		return false;
	stacks_find_stack(process->stacks, ret->sp, &start, &end);
	stacks_patch(process->stacks, NULL, 0);
	return asleep_take(process->pid, loop->tid, ret, start, end, stacks_lang(process->stacks),
		&watches->copy);
}

/* The loop waits. Where it does, on a stack, no turn is to blame: written with the first samples,
 * and again for recordings whose beginning is overwritten. */
static void record_resting(
	struct watches *watches, struct watch *watch, const struct stall_loop *loop, uint64_t now)
{
	struct attached *process = watch->process;
	struct unwind_sample unwound;
	struct asleep asleep;
	uint32_t stack;

	if (!watch->rest_due || (watch->rested_ns && now < watch->rested_ns + rest_ns) ||
		!copy_asleep(watches, watch, loop, &asleep) || word(&loop->turn_begin_ns))
		return;
	watch->rest_due = false;
	watch->rested_ns = now;
	unwound = asleep_sample(&asleep, &watches->copy);
	stack = stacks_record(process->stacks, process->writer, &unwound, NULL);
	if (stack)
		writer_resting(process->writer, watch->id, stack);
}

/* A sample from here: the thread sleeps, if the source is right. */
static void take_asleep(struct watches *watches, struct watch *watch, const struct stall_loop *loop)
{
	struct attached *process = watch->process;
	struct record_sample sample = {.in_place = true};
	struct unwind_sample unwound;
	struct stall_times times;
	struct asleep asleep;
	bool collects = false;
	char on[WAITS_ON_MAX];

	if (!copy_asleep(watches, watch, loop, &asleep))
		return;
	sample.time_ns = clock_monotonic_ns();
	times = times_until(loop, sample.time_ns);
	/* A turn that ended meanwhile: the stack may be of the next one, or of the wait. */
	if (word(&loop->turn_begin_ns) != watch->stall.begin_ns)
		return;
	unwound = asleep_sample(&asleep, &watches->copy);
	sample.syscall = asleep.call >= 0 ? (int32_t)asleep.call : -1;
	sample.stack = stacks_record(process->stacks, process->writer, &unwound, &collects);
	sample.on =
		writer_string(process->writer, on, waits_on(process->pid, &asleep, on, sizeof(on)));
	add_sample(watches, watch, WEIGH_ASLEEP, &sample, collects, &times);
}

/* --- records ------------------------------------------------------------------------------------
 */

static void end_stall(struct watches *watches, struct watch *watch, const struct stall_loop *loop,
	const struct stall_ended *ended)
{
	uint64_t now = ended->record.time_ns;
	struct weigh_moment at;

	enter_stall(watches, watch, loop, ended->begin_ns, now);
	at = moment_of(watch, &ended->times, now);
	weigh_end(&watch->weigh, watch->process->writer, &at);
	account(watch, &ended->times, now - ended->begin_ns);
	follow_io(watch, ended->io_calls, now);
	watch->stall.minor_faults = ended->minor_faults;
	watch->stall.major_faults = ended->major_faults;
	watch->stall.ready = ended->ready;
	watch->stall.ended = true;
	write_stall(watch);
	watch->stall.id = 0;
}

/* Whether the turn that a sample is of has passed the threshold. */
static bool is_stall(
	const struct watches *watches, const struct watch *watch, const struct stall_sample *sample)
{
	uint64_t age = sample->record.time_ns - sample->turn_begin_ns;

	return age >= watches->options->threshold_ns ||
	       (watch->stall.id && watch->stall.begin_ns == sample->turn_begin_ns);
}

void watches_record(struct watches *watches, const struct stall_record *record)
{
	const struct stall_sample *sample = (const struct stall_sample *)record;
	const struct stall_loop *loop;
	struct watch *watch;

	if (record->loop >= STALL_LOOPS_MAX)
		return;
	loop = &watches->loops[record->loop];
	watch = watch_of(watches, record->loop);
	if (!watch || watch->generation != record->generation ||
		!is_loop(watches, watch, loop, record->time_ns) || !settle(watches, watch->process))
		return;
	if (record->kind == STALL_RECORD_ENDED) {
		end_stall(watches, watch, loop, (const struct stall_ended *)record);
	} else if (record->kind == STALL_RECORD_SAMPLE && !is_stall(watches, watch, sample)) {
		held_keep(&watch->held, sample);
	} else if (record->kind == STALL_RECORD_SAMPLE) {
		enter_stall(watches, watch, loop, sample->turn_begin_ns, record->time_ns);
		take_sample(watches, watch, loop, sample);
	}
}

/* --- looking ------------------------------------------------------------------------------------
 */

/* Where the runtime keeps what it knows of the thread: the next samples begin to copy there. */
static void find_anchor(const struct watch *watch, struct stall_loop *loop)
{
	const struct lang *lang = stacks_lang(watch->process->stacks);

	if (lang && lang->ops->anchor && !loop->anchor)
		loop->anchor = lang->ops->anchor(lang->state, loop->own_tid);
}

/* A turn is in progress. Returns when to look again. */
static uint64_t look_at_turn(struct watches *watches, struct watch *watch, struct stall_loop *loop,
	uint64_t begin_ns, uint64_t now)
{
	uint64_t passes_ns = begin_ns + watches->options->threshold_ns, age, interval;
	struct stall_times times;

	if (now < passes_ns)
		return passes_ns;
	age = now - begin_ns;
	enter_stall(watches, watch, loop, begin_ns, now);
	find_anchor(watch, loop);
	if (now < watch->next_sample_ns)
		return watch->next_sample_ns;
	if (half(&loop->place) == STALL_SLEEPS)
		take_asleep(watches, watch, loop);
	read_io(watch, loop, now);
	times = times_until(loop, now);
	/* The turn may have ended by now: the last word is that of the source's record. */
	if (word(&loop->turn_begin_ns) == begin_ns)
		account(watch, &times, age);
	interval = watches->options->interval_ns;
	if (age / SAMPLES_EVEN > interval)
		interval = age / SAMPLES_EVEN;
	watch->next_sample_ns = now + interval;
	return watch->next_sample_ns;
}

/* Writes the turns of a loop, and its stall if there is one. */
static void tell(
	struct watch *watch, const struct stall_loop *loop, uint64_t now, bool with_histogram)
{
	const struct tally_counters counters = {
		.turns = word(&loop->turns),
		.busy_ns = word(&loop->busy_ns),
		.buckets = (const _Atomic uint32_t *)loop->buckets,
	};

	if (!watch->id)
		return;
	tally_write(
		&watch->tally, watch->process->writer, watch->id, &counters, now, with_histogram);
	if (watch->stall.id)
		write_stall(watch);
}

/* Nothing more will come of this loop. A thread that ends by itself ends its turn; one that is
 * killed may have been killed for it. */
static void finish(struct watch *watch, const struct stall_loop *loop, uint64_t now)
{
	weigh_stop(&watch->weigh, watch->process->writer);
	watch->stall.ended = half(&loop->state) == STALL_LOOP_GONE;
	tell(watch, loop, now, true);
	watch->stall.id = 0;
}

uint64_t watches_look(struct watches *watches, uint64_t now)
{
	uint64_t next = now + watches->options->threshold_ns;

	for (uint32_t i = 0; i < STALL_LOOPS_MAX; i++) {
		struct stall_loop *loop = &watches->loops[i];
		uint32_t state = half(&loop->state);
		struct watch *watch;
		uint64_t begin_ns;

		if (state == STALL_LOOP_FREE)
			continue;
		watch = watch_of(watches, i);
		if (state >= STALL_LOOP_GONE) {
			if (watch)
				finish(watch, loop, now);
			/* The slot counts from nought, and is not this watch's any more. */
			watches->ops->release(watches->source, i);
			watches->entries[i].process = NULL;
			continue;
		}
		if (!watch || !is_loop(watches, watch, loop, now) ||
			!settle(watches, watch->process))
			continue;
		if (!watch->id)
			find_anchor(watch, loop);
		introduce(watches, watch, loop, now);
		begin_ns = word(&loop->turn_begin_ns);
		if (begin_ns)
			next = least(next, look_at_turn(watches, watch, loop, begin_ns, now));
		else if (half(&loop->waiting))
			record_resting(watches, watch, loop, now);
	}
	return next;
}

void watches_tick(struct watches *watches, uint64_t now, bool with_histogram)
{
	for (uint32_t i = 0; i < STALL_LOOPS_MAX; i++) {
		const struct stall_loop *loop = &watches->loops[i];
		struct watch *watch = &watches->entries[i];

		if (half(&loop->state) != STALL_LOOP_FREE && watch->process &&
			watch->generation == half(&loop->generation))
			tell(watch, loop, now, with_histogram);
	}
}

void watches_forget(struct watches *watches, const struct attached *attached)
{
	uint64_t now = clock_monotonic_ns();

	for (uint32_t i = 0; i < STALL_LOOPS_MAX; i++) {
		struct watch *watch = &watches->entries[i];

		if (watch->process == attached &&
			watch->generation == half(&watches->loops[i].generation))
			finish(watch, &watches->loops[i], now);
		if (watch->process == attached)
			watch->process = NULL;
	}
}

struct watches_figures watches_figures(const struct watches *watches)
{
	return watches->figures;
}
