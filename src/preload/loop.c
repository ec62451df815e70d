/* SPDX-License-Identifier: Apache-2.0 */
#include "loop.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "gc_v8.h"
#include "life.h"
#include "polled.h"
#include "sampler.h"
#include "sys.h"

__thread struct thread thread;
struct loop loops[LOOPS_MAX];
uint64_t loop_threshold_ns;
static _Atomic uint32_t last_id;
/* Entries from here on were never used: their pages are none yet, and a fork is not to make them.
 */
static _Atomic uint32_t unused_from;

static struct loop *claim(void)
{
	for (uint32_t i = 0; i < LOOPS_MAX; i++) {
		uint32_t expected = LOOP_FREE, from;

		/* Looked at before it is written to: a thread that finds no room asks at each wait.
		 */
		if (atomic_load_explicit(&loops[i].state, memory_order_relaxed) == LOOP_FREE &&
			atomic_compare_exchange_strong_explicit(&loops[i].state, &expected,
				LOOP_CLAIMED, memory_order_acquire, memory_order_relaxed)) {
			from = atomic_load_explicit(&unused_from, memory_order_relaxed);
			while (from <= i &&
				!atomic_compare_exchange_weak(&unused_from, &from, i + 1))
				;
			return &loops[i];
		}
	}
	if (!thread.is_lost)
		life_count_lost_loop();
	thread.is_lost = true;
	return NULL;
}

static struct loop *register_thread(void)
{
	struct loop *loop = claim();

	if (!loop)
		return NULL;
	memset(loop->buckets, 0, sizeof(loop->buckets));
	atomic_store_explicit(&loop->turn_begin_ns, 0, memory_order_relaxed);
	atomic_store_explicit(&loop->turns, 0, memory_order_relaxed);
	atomic_store_explicit(&loop->busy_ns, 0, memory_order_relaxed);
	loop->quick_descriptor = LOOP_NOT_QUICK;
	atomic_store_explicit(&loop->left, false, memory_order_relaxed);
	atomic_store_explicit(&loop->gc_turn_ns, 0, memory_order_relaxed);
	atomic_store_explicit(&loop->ended_head, 0, memory_order_relaxed);
	atomic_store_explicit(&loop->ended_tail, 0, memory_order_relaxed);
	atomic_store_explicit(&loop->ended_lost, 0, memory_order_relaxed);
	atomic_store_explicit(&loop->descriptor, thread.candidate, memory_order_relaxed);
	atomic_store_explicit(&loop->wait, thread.candidate_wait, memory_order_relaxed);
	loop->set = thread.set;
	loop->id = atomic_fetch_add_explicit(&last_id, 1, memory_order_relaxed) + 1;
	loop->tid = (uint32_t)sys_gettid();
	loop->first_wait_ns = thread.first_wait_ns;
	loop->stack_hint = (uint64_t)(uintptr_t)__builtin_frame_address(0);
	loop->thread_pointer = (uint64_t)(uintptr_t)__builtin_thread_pointer();
	loop->alternate_bytes = sampler_admit_thread();
	gc_v8_observe();
	atomic_store_explicit(&loop->state, LOOP_LIVE, memory_order_release);
	thread.loop = loop;
	life_tell();
	return loop;
}

/*
 * Whether an epoll wait is one inside a turn of the loop, which waits on something else: as long as
 * that is there. A set that polls wait on may be there and waited on no more: what listens is
 * believed in, and others until the epoll has been waited on some times in a row. Asked at its
 * first wait and now and then: it costs system calls.
 */
static bool is_nested(const struct loop *loop)
{
	if (thread.waits > 1 && thread.waits % WAITS_TO_BELIEVE)
		return true;
	if (atomic_load_explicit(&loop->descriptor, memory_order_relaxed) != LOOP_POLLS)
		return !polled_epoll_is_gone(loop->tid, loop->descriptor);
	return !polled_is_gone(&loop->set) &&
	       (thread.waits < WAITS_TO_BELIEVE || polled_rank(&loop->set) == POLLED_LISTENS);
}

static void consider(int32_t descriptor, enum wait_call wait)
{
	if (thread.waits && thread.candidate == descriptor) {
		if (thread.waits < UINT16_MAX)
			thread.waits++;
		return;
	}
	thread.candidate = descriptor;
	thread.candidate_wait = (uint16_t)wait;
	thread.set_listens = false;
	thread.set.count = 0;
	thread.first_wait_ns = clock_now_ns();
	thread.waits = 1;
}

/* The program itself says that this thread is a loop: it is believed at its first wait, and rather
 * than what its waits on descriptors looked like before. */
static struct loop *enter_annotated(struct loop *loop)
{
	int saved = errno;

	if (loop) {
		atomic_store_explicit(&loop->wait, WAIT_ANNOTATED, memory_order_relaxed);
		atomic_store_explicit(&loop->descriptor, LOOP_ANNOTATED, memory_order_release);
		return loop;
	}
	thread.candidate = LOOP_ANNOTATED;
	thread.candidate_wait = WAIT_ANNOTATED;
	thread.first_wait_ns = clock_now_ns();
	loop = life_activate() ? register_thread() : NULL;
	errno = saved;
	return loop;
}

static struct loop *enter_slow(int32_t descriptor, enum wait_call wait)
{
	struct loop *loop = thread.loop;

	if (!life_may_record())
		return NULL;
	if (wait == WAIT_ANNOTATED)
		return enter_annotated(loop);
	/* Its other waits are part of the annotated one, or blocking calls inside the turn. */
	if (loop && atomic_load_explicit(&loop->descriptor, memory_order_relaxed) == LOOP_ANNOTATED)
		return NULL;
	consider(descriptor, wait);
	if (loop) {
		if (is_nested(loop))
			return NULL;
		loop->set.count = 0;
		atomic_store_explicit(&loop->wait, wait, memory_order_relaxed);
		atomic_store_explicit(&loop->descriptor, descriptor, memory_order_release);
		return loop;
	}
	if (thread.waits < WAITS_TO_BELIEVE && !(life_has_listened() && thread.waits > 1))
		return NULL;
	if (!life_activate())
		return NULL;
	return register_thread();
}

/* Counts waits on one set. What listens stays the candidate, whatever else is waited for between:
 * a server may ask its database in each turn. Returns whether this was a wait on the candidate. */
static bool consider_set(const struct wait_list *list, enum wait_call wait)
{
	bool is_set = thread.waits && thread.candidate == LOOP_POLLS;

	if (is_set && wait_set_is_same(&thread.set, list)) {
		wait_set_renew(&thread.set, list);
		if (thread.waits < UINT16_MAX)
			thread.waits++;
		return true;
	}
	if (is_set && thread.set_listens && polled_rank(&thread.set) == POLLED_LISTENS)
		return false;
	thread.candidate = LOOP_POLLS;
	thread.candidate_wait = (uint16_t)wait;
	thread.first_wait_ns = clock_now_ns();
	thread.waits = 1;
	polled_begin(&thread.set, list);
	thread.set_listens = polled_rank(&thread.set) == POLLED_LISTENS;
	return true;
}

/*
 * Whether a set that is not the loop's becomes it. At once, if of the loop's none is open any more;
 * after some waits, if more speaks for the new one. Without that, an answer that comes in many
 * pieces would become the loop. Asked at the first wait and now and then: it costs system calls.
 */
static bool adopts_set(struct loop *loop, const struct wait_list *list, enum wait_call wait)
{
	if (!consider_set(list, wait) || (thread.waits > 1 && thread.waits % WAITS_TO_BELIEVE))
		return false;
	if (atomic_load_explicit(&loop->descriptor, memory_order_relaxed) != LOOP_POLLS) {
		/* It was an epoll, and is left. */
		if (thread.waits < WAITS_TO_BELIEVE || !list->count)
			return false;
		atomic_store_explicit(&loop->turn_begin_ns, 0, memory_order_relaxed);
		atomic_store_explicit(&loop->left, false, memory_order_relaxed);
		atomic_store_explicit(&loop->descriptor, LOOP_POLLS, memory_order_release);
	} else if (!polled_is_gone(&loop->set)) {
		if (thread.waits < WAITS_TO_BELIEVE ||
			polled_rank(&thread.set) <= polled_rank(&loop->set))
			return false;
		/* Since when it was the loop's is not known: what went on was no turn. */
		atomic_store_explicit(&loop->turn_begin_ns, 0, memory_order_relaxed);
	}
	loop->set = thread.set;
	thread.waits = 0;
	atomic_store_explicit(&loop->wait, wait, memory_order_relaxed);
	return true;
}

static struct loop *register_polling(const struct wait_list *list, enum wait_call wait)
{
	struct loop *loop;

	/* A thread that only sleeps by select has no loop. */
	if (!consider_set(list, wait) || thread.waits < WAITS_TO_BELIEVE || !list->count ||
		!life_activate())
		return NULL;
	loop = register_thread();
	thread.waits = 0;
	return loop;
}

static void loop_stalled(struct loop *loop, uint64_t begin_ns, uint64_t end_ns)
{
	uint32_t head = atomic_load_explicit(&loop->ended_head, memory_order_relaxed);
	struct timespec cpu = {0};

	if (head - atomic_load_explicit(&loop->ended_tail, memory_order_acquire) == ENDED_MAX) {
		atomic_store_explicit(&loop->ended_lost,
			atomic_load_explicit(&loop->ended_lost, memory_order_relaxed) + 1,
			memory_order_relaxed);
		return;
	}
	sys_clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	loop->ended[head % ENDED_MAX] = (struct ended_stall){
		.begin_ns = begin_ns,
		.end_ns = end_ns,
		.cpu_ns = (uint64_t)cpu.tv_sec * 1000000000 + (uint64_t)cpu.tv_nsec,
		.gc_ns = loop_gc_ns(loop, begin_ns),
	};
	atomic_store_explicit(&loop->ended_head, head + 1, memory_order_release);
}

/* The loop's own wait on this descriptor begins. Returns the loop. */
static struct loop *end_turn(struct loop *loop, int32_t descriptor)
{
	uint64_t begin_ns, now, turn_ns;

	if (loop->quick_descriptor != descriptor && clock_is_scaled()) {
		loop->scale = clock_scale;
		loop->quick_descriptor = descriptor;
	}
	begin_ns = atomic_load_explicit(&loop->turn_begin_ns, memory_order_relaxed);
	if (!begin_ns)
		return loop;
	now = clock_now_ns();
	turn_ns = now > begin_ns ? now - begin_ns : 0;
	if (turn_ns < loop_threshold_ns) {
		loop_count_turn(loop, turn_ns);
	} else if (atomic_exchange_explicit(&loop->left, false, memory_order_relaxed)) {
		atomic_store_explicit(&loop->turn_begin_ns, 0, memory_order_relaxed);
	} else {
		loop_count_turn(loop, turn_ns);
		loop_stalled(loop, begin_ns, now);
	}
	return loop;
}

struct loop *loop_enter(int32_t descriptor, enum wait_call wait)
{
	struct loop *loop = thread.loop;

	if (!loop || atomic_load_explicit(&loop->descriptor, memory_order_relaxed) != descriptor)
		loop = enter_slow(descriptor, wait);
	return loop ? end_turn(loop, descriptor) : NULL;
}

bool loop_may_poll(void)
{
	struct loop *loop = thread.loop;

	if (!life_may_record())
		return false;
	/* In a thread that has another loop, polls are part of an annotated wait, or blocking calls
	 * inside the turn; unless it has left that loop. */
	if (loop)
		return atomic_load_explicit(&loop->descriptor, memory_order_relaxed) ==
			       LOOP_POLLS ||
		       (atomic_load_explicit(&loop->left, memory_order_relaxed) &&
			       life_server_since_ns());
	/* Threads poll for many reasons; only in a server is it taken for a loop. */
	return life_server_since_ns() && !(thread.candidate >= 0 && thread.waits);
}

struct loop *loop_enter_set(const struct wait_list *list, enum wait_call wait)
{
	struct loop *loop = thread.loop;

	if (loop && wait_set_is_same(&loop->set, list)) {
		wait_set_renew(&loop->set, list);
		if (!thread.set_listens)
			thread.waits = 0;
	} else if (loop) {
		loop = adopts_set(loop, list, wait) ? loop : NULL;
	} else {
		loop = register_polling(list, wait);
	}
	return loop ? end_turn(loop, LOOP_POLLS) : NULL;
}

void loop_leave(struct loop *loop, int result)
{
	if (!loop)
		return;
	atomic_store_explicit(&loop->ready, result, memory_order_relaxed);
	atomic_store_explicit(&loop->turn_begin_ns, clock_now_ns(), memory_order_release);
}

void loop_gc_begin(struct loop *loop)
{
	loop->gc_begin_ns = clock_now_ns();
}

void loop_gc_end(struct loop *loop)
{
	uint64_t turn_ns = atomic_load_explicit(&loop->turn_begin_ns, memory_order_relaxed);
	uint64_t now = clock_now_ns(), begin_ns = loop->gc_begin_ns, sum_ns = 0;

	loop->gc_begin_ns = 0;
	/* Collections may also run in the wait itself (idle tasks); those are in no turn. */
	if (!turn_ns || !begin_ns || now <= begin_ns)
		return;
	if (atomic_load_explicit(&loop->gc_turn_ns, memory_order_relaxed) == turn_ns)
		sum_ns = atomic_load_explicit(&loop->gc_ns, memory_order_relaxed);
	atomic_store_explicit(&loop->gc_turn_ns, 0, memory_order_relaxed);
	atomic_store_explicit(&loop->gc_ns, sum_ns + (now - begin_ns), memory_order_relaxed);
	atomic_store_explicit(&loop->gc_turn_ns, turn_ns, memory_order_release);
}

uint64_t loop_gc_ns(const struct loop *loop, uint64_t begin_ns)
{
	if (atomic_load_explicit(&loop->gc_turn_ns, memory_order_acquire) != begin_ns)
		return 0;
	return atomic_load_explicit(&loop->gc_ns, memory_order_relaxed);
}

void loop_forget_all(void)
{
	for (uint32_t i = 0; i < atomic_load_explicit(&unused_from, memory_order_relaxed); i++)
		atomic_store_explicit(&loops[i].state, LOOP_FREE, memory_order_relaxed);
	thread = (struct thread){0};
}
