/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watchdog.c - see watchdog.h.
 *
 * Data: struct loop (stamped by the loops' own threads) -> samples and figures -> the writer.
 *
 * It wakes when the turn in progress would pass the threshold, so every longer turn is seen as it
 * passes it, with at most one wake-up a threshold; while a stall lasts, when the next sample is
 * due; after ten quiet seconds ten times a second. Each stall is written when it is seen (so that
 * one that never ends is known), again while it lasts, and when it has ended, with the times that
 * its own thread has stamped.
 */
#include "watchdog.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cgroup.h"
#include "clock.h"
#include "complaint.h"
#include "format.h"
#include "life.h"
#include "loop.h"
#include "mark.h"
#include "output.h"
#include "polled.h"
#include "pool_watch.h"
#include "proc_path.h"
#include "sampler.h"
#include "settings.h"
#include "stacks.h"
#include "sys.h"
#include "tally.h"
#include "usage.h"
#include "waits_on.h"
#include "writer.h"

enum {
	ARENA_BYTES = 14 << 20,
	SECOND_NS = 1000000000,
	HISTOGRAM_SECONDS = 30, /* most of a healthy recording is histograms */
	BEGINNING_SECONDS = 10, /* with one each second, so that a short recording has one too */
	POOLS_SECONDS = 10,     /* between the states of pools that do not change */
	QUIET_SECONDS = 10,
	QUIET_PERIOD_NS = 100 * 1000 * 1000,
	STARTUP_SECONDS = 10,          /* where a program never serves */
	REPORT_NS = 250 * 1000 * 1000, /* between writes because of stalls */
	REST_SECONDS = 60,
	SAMPLES_EVEN = 32, /* samples at the first interval; later ones spread in proportion */
};

/* What Holter's thread knows of one loop. */
struct watch {
	uint32_t loop_id; /* 0: not watched */
	char thread[32];  /* its name */
	uint64_t startup_end_ns;
	uint32_t ended_lost;
	struct tally tally;
	bool annotated; /* as declared last */

	/* The turn in progress, by its beginning. */
	uint64_t turn_begin_ns;
	struct usage baseline, last;
	uint64_t waiting_ns;       /* for a CPU, as of the last reading */
	struct record_stall stall; /* id 0: not past the threshold yet */
	uint64_t next_sample_ns, sampled_until_ns, sampled_cpu_ns;
	uint64_t io_moved_ns; /* when a reading last showed new calls */
	struct sample_target target;

	/* The stack of the main wait, for who reads the samples. */
	uint64_t rested_ns; /* when it was written last; 0: never */
	bool rest_due;      /* something was sampled since */
};

static struct {
	struct arena arena;
	struct writer *writer;
	struct stacks *stacks; /* null in a passive start */
	struct cgroup cgroup;
	struct watch *watches; /* LOOPS_MAX, beside loops[] */
	uint64_t last_stall_id;
	uint64_t next_tick_ns, last_report_ns, last_activity_ns;
	uint64_t interruptions, lost_loops;
	uint64_t seconds; /* ticks so far */
	const char *told; /* the sampler's complaint that was noted */
	bool report_due;
	bool passive; /* a start after a crash loop: nothing but a note is recorded */
} dog;

static struct program program;

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* --- stalls
 * --------------------------------------------------------------------------------------- */

static void write_stall(struct watch *watch)
{
	writer_stall(dog.writer, &watch->stall);
	dog.report_due = true;
}

/* waiting_ns: of a wait for a CPU that goes on. */
static void account(struct record_stall *stall, const struct usage *from, const struct usage *to,
	uint64_t waiting_ns)
{
	if (!from->taken_ns || to->taken_ns <= from->taken_ns)
		return;
	stall->measured_ns = to->taken_ns - from->taken_ns;
	stall->cpu_ns = to->cpu_ns > from->cpu_ns ? to->cpu_ns - from->cpu_ns : 0;
	stall->cpu_ns = least(stall->cpu_ns, stall->measured_ns);
	stall->runqueue_ns =
		to->runqueue_ns > from->runqueue_ns ? to->runqueue_ns - from->runqueue_ns : 0;
	stall->runqueue_ns =
		least(stall->runqueue_ns + waiting_ns, stall->measured_ns - stall->cpu_ns);
	/* A throttled thread stays on its run queue. */
	stall->throttled_ns =
		to->throttled_ns > from->throttled_ns ? to->throttled_ns - from->throttled_ns : 0;
	stall->throttled_ns = least(stall->throttled_ns, stall->runqueue_ns);
	stall->minor_faults = to->minor_faults - from->minor_faults;
	stall->major_faults = to->major_faults - from->major_faults;
}

/* How far the turn has come, by what its callbacks read and write. */
static void follow_io(struct watch *watch, const struct usage *now)
{
	struct record_stall *stall = &watch->stall;
	uint64_t calls = now->io_calls - watch->baseline.io_calls;

	if (calls != stall->io_calls) {
		stall->io_calls = calls;
		watch->io_moved_ns = now->taken_ns;
	} else if (now->taken_ns > watch->io_moved_ns + stall->io_pause_ns) {
		stall->io_pause_ns = now->taken_ns - watch->io_moved_ns;
	}
}

static void begin_stall(struct watch *watch, const struct loop *loop, uint64_t begin_ns)
{
	watch->stall = (struct record_stall){
		.id = ++dog.last_stall_id,
		.loop = loop->id,
		.begin_ns = begin_ns,
		.startup = !watch->startup_end_ns || begin_ns < watch->startup_end_ns,
	};
}

static void take_sample(struct watch *watch, const struct loop *loop)
{
	struct record_stall *stall = &watch->stall;
	struct sampled sampled;
	struct record_sample sample;
	char on[WAITS_ON_MAX];
	enum sample_result result = sampler_take(&watch->target, &sampled);
	static const enum loss_kind losses[] = {
		[SAMPLE_NO_STACK] = LOSS_SAMPLE_STACK,
		[SAMPLE_TIMEOUT] = LOSS_SAMPLE_TIMEOUT,
		[SAMPLE_REFUSED] = LOSS_SAMPLE_SLOT,
	};

	if (result == SAMPLE_GONE)
		return;
	/* A turn that ended meanwhile: the stack may be of the next one. */
	if (atomic_load_explicit(&loop->turn_begin_ns, memory_order_acquire) != stall->begin_ns)
		return;
	if (result != SAMPLE_TAKEN) {
		stall->samples_missed++;
		writer_lost(dog.writer, losses[result], 1, 0);
		return;
	}
	stall->samples++;
	sample = (struct record_sample){
		.stall = stall->id,
		.loop = loop->id,
		.time_ns = sampled.taken_ns,
		.weight_ns = sampled.taken_ns > watch->sampled_until_ns
				     ? sampled.taken_ns - watch->sampled_until_ns
				     : 0,
		.cpu_ns = sampled.cpu_ns > watch->sampled_cpu_ns
				  ? sampled.cpu_ns - watch->sampled_cpu_ns
				  : 0,
		.syscall = sampled.in_place && sampled.asleep.call >= 0
				   ? (int32_t)sampled.asleep.call
				   : -1,
		.in_place = sampled.in_place,
	};
	sample.cpu_ns = least(sample.cpu_ns, sample.weight_ns);
	watch->sampled_until_ns = sampled.taken_ns;
	watch->sampled_cpu_ns = sampled.cpu_ns;
	sample.stack = stacks_record(dog.stacks, dog.writer, &sampled.sample, NULL);
	if (sampled.in_place)
		sample.on = writer_string(
			dog.writer, on, waits_on(sys_getpid(), &sampled.asleep, on, sizeof(on)));
	if (!sample.stack)
		writer_lost(dog.writer, LOSS_SAMPLE_STACK, 1, 0);
	writer_sample(dog.writer, &sample);
}

/* A thread that ended never comes back to its loop. */
static bool has_ended(const struct loop *loop)
{
	return usage_has_ended(loop->tid);
}

/* The loop waits. Where it does, on a stack, no turn is to blame: written with the first samples,
 * and again for recordings whose beginning is overwritten. */
static void record_resting(struct watch *watch, const struct loop *loop, uint64_t now)
{
	struct sampled sampled;
	uint32_t stack;

	if (!watch->rest_due ||
		(watch->rested_ns && now < watch->rested_ns + (uint64_t)REST_SECONDS * SECOND_NS))
		return;
	if (sampler_take_asleep(&watch->target, &sampled) != SAMPLE_TAKEN ||
		atomic_load_explicit(&loop->turn_begin_ns, memory_order_acquire))
		return;
	watch->rest_due = false;
	watch->rested_ns = now;
	stack = stacks_record(dog.stacks, dog.writer, &sampled.sample, NULL);
	if (stack)
		writer_resting(dog.writer, loop->id, stack);
}

/*
 * A mapping may reach beyond the stack, since the kernel joins what lies side by side; that may be
 * unmapped at any moment. But the C library keeps what it knows of a thread at the very end of its
 * stack (nptl/allocatestack.c), and the kernel joins nothing to the first one's.
 */
static void find_stack(const struct loop *loop, struct sample_target *ret)
{
	const struct maps *maps = stacks_maps(dog.stacks);
	const struct map *map = maps_find(maps, loop->stack_hint);

	stacks_find_stack(dog.stacks, loop->stack_hint, &ret->stack_start, &ret->stack_end);
	ret->stack_is_own = map && strcmp(maps_path(maps, map), "[stack]") == 0;
	if (loop->thread_pointer > loop->stack_hint && loop->thread_pointer < ret->stack_end) {
		ret->stack_end = loop->thread_pointer;
		ret->stack_is_own = true;
	}
}

/* A turn is in progress. Returns when to look again. */
static uint64_t watch_turn(
	struct watch *watch, const struct loop *loop, uint64_t begin_ns, uint64_t now)
{
	uint64_t passes_ns = begin_ns + settings.threshold_ns, age;
	struct usage usage;
	int32_t ready;

	if (watch->turn_begin_ns != begin_ns) {
		watch->turn_begin_ns = begin_ns;
		watch->stall.id = 0;
		usage_read(sys_getpid(), loop->tid, &dog.cgroup, &watch->baseline);
		watch->last = watch->baseline;
		watch->waiting_ns = 0;
		watch->sampled_until_ns = begin_ns;
		watch->sampled_cpu_ns = watch->baseline.cpu_ns;
		watch->io_moved_ns = watch->baseline.taken_ns;
	}
	if (now < passes_ns)
		return passes_ns;
	age = now - begin_ns;
	if (!watch->stall.id) {
		begin_stall(watch, loop, begin_ns);
		ready = atomic_load_explicit(&loop->ready, memory_order_relaxed);
		watch->stall.ready = ready > 0 ? (uint32_t)ready : 0;
		stacks_refresh(dog.stacks);
		find_stack(loop, &watch->target);
		watch->target.tid = loop->tid;
		watch->target.alternate_bytes = loop->alternate_bytes;
		watch->next_sample_ns = now;
		watch->stall.duration_ns = age;
		write_stall(watch);
	}
	if (now >= watch->next_sample_ns) {
		take_sample(watch, loop);
		watch->rest_due = true;
		watch->next_sample_ns =
			now + (age / SAMPLES_EVEN > settings.interval_ns ? age / SAMPLES_EVEN
									 : settings.interval_ns);
		usage_read(sys_getpid(), loop->tid, &dog.cgroup, &usage);
		/* Of a thread that has ended meanwhile it tells nothing. */
		if (has_ended(loop))
			return now;
		watch->waiting_ns = usage_waiting_ns(&watch->last, &usage, watch->waiting_ns);
		watch->last = usage;
		account(&watch->stall, &watch->baseline, &usage, watch->waiting_ns);
		follow_io(watch, &usage);
		watch->stall.duration_ns = usage.taken_ns - begin_ns;
		watch->stall.gc_ns = least(loop_gc_ns(loop, begin_ns), watch->stall.duration_ns);
	}
	return watch->next_sample_ns;
}

/* Fetches the stalls that have ended, in order. */
static void fetch_ended(struct watch *watch, struct loop *loop)
{
	uint32_t head = atomic_load_explicit(&loop->ended_head, memory_order_acquire);
	uint32_t tail = atomic_load_explicit(&loop->ended_tail, memory_order_relaxed);
	uint32_t lost = atomic_load_explicit(&loop->ended_lost, memory_order_relaxed);

	for (; tail != head; tail++) {
		const struct ended_stall *ended = &loop->ended[tail % ENDED_MAX];
		struct usage end;

		if (!watch->stall.id || watch->stall.begin_ns != ended->begin_ns)
			begin_stall(watch, loop, ended->begin_ns);
		if (watch->turn_begin_ns == ended->begin_ns) {
			/* The CPU clock is the thread's own at the end; the rest is as of now, a
			 * moment later. It had a CPU then, and so waited for none. */
			usage_read(sys_getpid(), loop->tid, &dog.cgroup, &end);
			end.taken_ns = ended->end_ns;
			end.cpu_ns = ended->cpu_ns;
			account(&watch->stall, &watch->baseline, &end, 0);
			follow_io(watch, &end);
		}
		watch->stall.duration_ns = ended->end_ns - ended->begin_ns;
		watch->stall.gc_ns = least(ended->gc_ns, watch->stall.duration_ns);
		watch->stall.ended = true;
		write_stall(watch);
		watch->stall.id = 0;
	}
	atomic_store_explicit(&loop->ended_tail, tail, memory_order_release);
	if (lost != watch->ended_lost)
		writer_lost(dog.writer, LOSS_EVENT, lost - watch->ended_lost, 0);
	watch->ended_lost = lost;
}

/* --- loops
 * ---------------------------------------------------------------------------------------- */

/* A thread that has ended keeps the name that it had. */
static void read_name(struct watch *watch, const struct loop *loop)
{
	char name[sizeof(watch->thread)], path[PROC_PATH_BYTES];
	int64_t length;

	proc_path_task(path, sizeof(path), sys_getpid(), loop->tid, "/comm");
	length = sys_read_file(path, name, sizeof(name));
	if (length <= 0)
		return;
	name[length - 1] = '\0'; /* without the newline */
	memcpy(watch->thread, name, sizeof(name));
}

static void declare_loop(struct watch *watch, const struct loop *loop)
{
	int32_t descriptor = atomic_load_explicit(&loop->descriptor, memory_order_relaxed);

	read_name(watch, loop);
	writer_loop(dog.writer, &(struct record_loop){
					.id = loop->id,
					.tid = loop->tid,
					.thread = watch->thread,
					.wait = (enum wait_call)atomic_load_explicit(
						&loop->wait, memory_order_relaxed),
					/* That LOOP_ANNOTATED is none either, the wait says. */
					.descriptor = descriptor >= 0 ? descriptor : -1,
					.first_wait_ns = loop->first_wait_ns,
					.startup_end_ns = watch->startup_end_ns,
				});
}

static void begin_watch(struct watch *watch, const struct loop *loop, uint64_t now)
{
	memset(watch, 0, sizeof(*watch));
	watch->loop_id = loop->id;
	tally_init(&watch->tally, loop->first_wait_ns < now ? loop->first_wait_ns : now);
	declare_loop(watch, loop);
}

static void settle_startup(struct watch *watch, const struct loop *loop, uint64_t now)
{
	uint64_t server_since_ns = life_server_since_ns();
	uint64_t alone_ns = loop->first_wait_ns + (uint64_t)STARTUP_SECONDS * SECOND_NS;
	bool annotated = atomic_load_explicit(&loop->wait, memory_order_relaxed) == WAIT_ANNOTATED;

	if (watch->startup_end_ns && watch->annotated == annotated)
		return;
	watch->annotated = annotated;
	/* Who says that it waits for work is past its start-up. */
	if (annotated)
		watch->startup_end_ns = loop->first_wait_ns;
	else if (server_since_ns)
		watch->startup_end_ns = server_since_ns;
	else if (now >= alone_ns)
		watch->startup_end_ns = alone_ns;
	else
		return;
	declare_loop(watch, loop);
}

/* The turns of the last second, and now and then their histogram. */
static void write_turns(struct watch *watch, struct loop *loop, uint64_t now, bool with_histogram)
{
	const struct tally_counters counters = {
		.turns = atomic_load_explicit(&loop->turns, memory_order_relaxed),
		.busy_ns = atomic_load_explicit(&loop->busy_ns, memory_order_relaxed),
		.buckets = loop->buckets,
	};

	if (tally_write(&watch->tally, dog.writer, loop->id, &counters, now, with_histogram))
		dog.last_activity_ns = now;
}

/* Ends a stall whose end nobody stamps: as long as it was known to be. */
static void end_stall(struct watch *watch)
{
	if (!watch->stall.id)
		return;
	watch->stall.ended = true;
	write_stall(watch);
	watch->stall.id = 0;
}

/* The thread has ended: the entry is free for another. */
static void release(struct watch *watch, struct loop *loop, uint64_t now)
{
	fetch_ended(watch, loop);
	end_stall(watch);
	write_turns(watch, loop, now, true);
	watch->loop_id = 0;
	atomic_store_explicit(&loop->state, LOOP_FREE, memory_order_release);
}

/* --- the thread
 * ----------------------------------------------------------------------------------- */

static void note_complaints(void)
{
	const char *complaint = sampler_complaint();
	uint64_t interruptions = sampler_interruptions(), lost_loops = life_lost_loops();

	if (complaint && complaint != dog.told)
		writer_note(dog.writer, NOTE_STOOD_ASIDE, complaint);
	dog.told = complaint;
	if (interruptions != dog.interruptions)
		writer_lost(dog.writer, LOSS_EINTR_RACE, interruptions - dog.interruptions, 0);
	dog.interruptions = interruptions;
	if (lost_loops != dog.lost_loops)
		writer_lost(dog.writer, LOSS_LOOP, lost_loops - dog.lost_loops, 0);
	dog.lost_loops = lost_loops;
}

static void tick(uint64_t now)
{
	bool with_histogram =
		++dog.seconds < BEGINNING_SECONDS || dog.seconds % HISTOGRAM_SECONDS == 0;

	clock_calibrate();
	for (size_t i = 0; i < LOOPS_MAX; i++) {
		struct watch *watch = &dog.watches[i];
		struct loop *loop = &loops[i];

		if (!watch->loop_id)
			continue;
		if (has_ended(loop)) {
			release(watch, loop, now);
			continue;
		}
		write_turns(watch, loop, now, with_histogram);
		if (watch->stall.id)
			write_stall(watch);
	}
	if (dog.seconds == MARK_SECONDS)
		mark_clear();
	pool_watch_write(dog.writer, now, life_is_ending() || dog.seconds % POOLS_SECONDS == 0);
	note_complaints();
	writer_flush(dog.writer);
	dog.report_due = false;
	dog.last_report_ns = now;
	dog.next_tick_ns = now + SECOND_NS;
}

/* Whether the thread has left its loop, and does something else now, which is no turn. */
static bool has_left(struct loop *loop, uint64_t begin_ns)
{
	int32_t descriptor = atomic_load_explicit(&loop->descriptor, memory_order_relaxed);

	if (descriptor < 0 || !polled_epoll_is_gone(loop->tid, descriptor))
		return false;
	atomic_store_explicit(&loop->left, true, memory_order_relaxed);
	/* It may have come back meanwhile. */
	if (atomic_load_explicit(&loop->turn_begin_ns, memory_order_relaxed) != begin_ns)
		atomic_store_explicit(&loop->left, false, memory_order_relaxed);
	return true;
}

/* Looks at every loop once. Returns when to look again. */
static uint64_t look(uint64_t now)
{
	bool quiet = now - dog.last_activity_ns > (uint64_t)QUIET_SECONDS * SECOND_NS;
	uint64_t period_ns = quiet ? QUIET_PERIOD_NS : settings.threshold_ns;
	uint64_t next = dog.next_tick_ns;

	for (size_t i = 0; i < LOOPS_MAX; i++) {
		struct watch *watch = &dog.watches[i];
		struct loop *loop = &loops[i];
		uint64_t begin_ns;
		bool is_long;

		if (atomic_load_explicit(&loop->state, memory_order_acquire) != LOOP_LIVE)
			continue;
		if (watch->loop_id != loop->id)
			begin_watch(watch, loop, now);
		settle_startup(watch, loop, now);
		begin_ns = atomic_load_explicit(&loop->turn_begin_ns, memory_order_acquire);
		fetch_ended(watch, loop);
		/* It has ended meanwhile, and may be among those that were fetched: it is not to be
		 * begun again. What goes on now is not long yet. */
		if (atomic_load_explicit(&loop->turn_begin_ns, memory_order_acquire) != begin_ns) {
			next = least(next, now + settings.threshold_ns);
			continue;
		}
		/* A turn that looks long may be one in which its thread has ended long ago. */
		is_long = begin_ns && now >= begin_ns + settings.threshold_ns;
		if (is_long && has_ended(loop))
			release(watch, loop, now);
		else if (begin_ns && !(is_long && has_left(loop, begin_ns)))
			next = least(next, watch_turn(watch, loop, begin_ns, now));
		else
			next = least(next, now + period_ns);
		if (atomic_load_explicit(&loop->left, memory_order_relaxed))
			end_stall(watch);
		if (!begin_ns)
			record_resting(watch, loop, now);
	}
	if (dog.report_due && now - dog.last_report_ns >= REPORT_NS) {
		writer_flush(dog.writer);
		dog.report_due = false;
		dog.last_report_ns = now;
	}
	return dog.report_due ? least(next, dog.last_report_ns + REPORT_NS) : next;
}

static uint64_t random_id(void)
{
	uint64_t id = 0;

	if (sys_getrandom(&id, sizeof(id), 0x1 /* GRND_NONBLOCK */) != (int)sizeof(id))
		id = clock_realtime_ns() ^ ((uint64_t)sys_getpid() << 40);
	return id ? id : 1;
}

static int open_writer(const char *path, const struct utsname *names)
{
	struct writer_config config = {
		.path = path,
		.max_bytes = settings.max_bytes,
		.chunk_ns = 10ull * SECOND_NS,
		.recording_id = random_id(),
		.now_ns = clock_now_ns,
	};
	struct record_head head = {
		.holter_version = HOLTER_VERSION,
		.runtime = dog.stacks ? stacks_runtime(dog.stacks) : "",
		.program = program.path,
		.host = names->nodename,
		.kernel = names->release,
		.unwinder = dog.stacks ? stacks_unwinder(dog.stacks) : "",
		.pid = (uint32_t)sys_getpid(),
		.cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN),
		.mode = MODE_PRELOAD,
		.start_ns = clock_now_ns(),
		.threshold_ns = settings.threshold_ns,
		.interval_ns = settings.interval_ns,
		.utc_offset_ns = (int64_t)(clock_realtime_ns() - clock_now_ns()),
	};

	return writer_open(&dog.writer, &dog.arena, &config, &head);
}

/* path: where the recording is to be, as far as that is known when something fails. */
static int open_all(char *path, size_t size)
{
	struct utsname names = {0};
	struct stacks_config config = {
		.pid = sys_getpid(),
		.program = &program,
		.own_address = (uint64_t)(uintptr_t)&open_all,
		.lock = life_lock,
		.unlock = life_unlock,
	};
	int rc = arena_init(&dog.arena, ARENA_BYTES);

	program_identify(&program, config.pid, (const char *)(uintptr_t)getauxval(AT_EXECFN));
	if (!rc)
		rc = output_create(path, size);
	if (rc)
		return rc;
	sys_call3(SYS_uname, (uint64_t)(uintptr_t)&names, 0, 0);
	/* A recording that was asked for by name is made in any case. */
	dog.passive = !settings.out[0] && mark_start(path, names.nodename, program.inode);
	if (dog.passive)
		return open_writer(path, &names);
	dog.watches = arena_alloc(&dog.arena, LOOPS_MAX * sizeof(*dog.watches));
	if (!dog.watches)
		return -ENOMEM;
	cgroup_open(&dog.cgroup, config.pid);
	rc = stacks_open(&dog.stacks, &dog.arena, &config);
	if (rc)
		return rc;
	sampler_set_lang(stacks_lang(dog.stacks));
	return open_writer(path, &names);
}

static void note_beginning(void)
{
	if (dog.passive)
		writer_note(dog.writer, NOTE_STOOD_ASIDE,
			"this program has ended within a minute of its start three times in a row: "
			"nothing is recorded this time, in case Holter is the reason");
	if (dog.stacks && stacks_complaint(dog.stacks))
		writer_note(dog.writer, NOTE_LIMITED, stacks_complaint(dog.stacks));
	if (settings.complaint) {
		char text[128];
		struct format format;

		format_init(&format, text, sizeof(text));
		format_text(&format, settings.complaint);
		format_text(&format, " was not understood: the default is used");
		writer_note(dog.writer, NOTE_LIMITED, text);
	}
	if (settings.no_signals)
		writer_note(dog.writer, NOTE_LIMITED,
			"signals are off by request: only sleeping threads are sampled");
}

/*
 * Sleeps until there is news, at most until `next`. That is of the recording's clock, from which
 * the kernel's own parts in the course of days, as that is slewed: only the distance counts.
 */
static void sleep_until(uint32_t news, uint64_t next)
{
	uint64_t now = clock_now_ns(), left = next > now ? next - now : 0;

	sys_futex_wait_until((const uint32_t *)&life_news, news, clock_monotonic_ns() + left);
}

void watchdog_run(void)
{
	static char path[8192];
	uint64_t now;
	int rc;

	sys_call3(SYS_prctl, PR_SET_NAME, (uint64_t)(uintptr_t) "holter", 0);
	memset(&dog, 0, sizeof(dog));
	path[0] = '\0';
	rc = open_all(path, sizeof(path));
	if (rc) {
		complaint_no_recording(path, rc);
		arena_done(&dog.arena);
		return;
	}
	life_thread_opened();
	note_beginning();
	if (dog.passive) {
		writer_close(dog.writer, true);
		return;
	}
	now = clock_now_ns();
	dog.last_activity_ns = now;
	tick(now);
	while (!life_is_ending()) {
		/* Read before looking: news that comes meanwhile ends the wait at once. */
		uint32_t news = atomic_load_explicit(&life_news, memory_order_acquire);
		uint64_t next = look(clock_now_ns());

		sleep_until(news, next);
		now = clock_now_ns();
		if (now >= dog.next_tick_ns)
			tick(now);
	}
	if (life_reason())
		writer_note(dog.writer, NOTE_STOOD_ASIDE, life_reason());
	look(clock_now_ns());
	tick(clock_now_ns());
	writer_close(dog.writer, true);
	mark_clear();
}

void watchdog_abandon(void)
{
	sampler_set_lang(NULL);
	pool_watch_forget();
	if (dog.writer)
		writer_abandon(dog.writer);
	arena_done(&dog.arena);
	memset(&dog, 0, sizeof(dog));
}
