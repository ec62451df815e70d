/* SPDX-License-Identifier: Apache-2.0 */
#include "life.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "clock.h"
#include "complaint.h"
#include "export.h"
#include "loop.h"
#include "output.h"
#include "pools.h"
#include "real.h"
#include "sampler.h"
#include "settings.h"
#include "sys.h"
#include "watchdog.h"

enum {
	THREAD_STACK_BYTES = 256 << 10,   /* beside what every thread of the program needs */
	EXIT_WAIT_NS = 500 * 1000 * 1000, /* for Holter's thread to write its last block */
	GONE_LOOK_NS = 50 * 1000,         /* between looks whether it is gone */
	FORK_WAIT_NS = 5 * 1000 * 1000,   /* for the lock, before a fork */
	OPEN_WAIT_NS =
		500 * 1000 * 1000, /* for the recording to be opened, before root is dropped */
};

enum life_state {
	LIFE_ASIDE, /* for good, or not begun: before the constructor */
	LIFE_INERT, /* nothing done yet */
	LIFE_STARTING,
	LIFE_ACTIVE,
};

static _Atomic uint32_t state = LIFE_ASIDE;
static _Atomic uint64_t server_since_ns;
static _Atomic bool listened; /* in this process, not in a parent */
static _Atomic uint64_t lost_loops;
static _Atomic uint32_t thread_opened, thread_ended; /* futexes */
static _Atomic uint32_t lock_word;  /* futex; 0 free, 1 held, 2 held and waited for */
static _Atomic uint32_t thread_tid; /* of Holter's thread; before thread_opened */
static _Atomic bool ending;
static _Atomic bool ended_alone; /* Holter's thread has, or is about to: nobody has waited for it */
static const char *reason;       /* to stand aside; before `ending` */
static int own_pid; /* another process that shares this memory (vfork) is not to be touched: hazard
		       15 */
_Atomic uint32_t life_news;

/* The fork in progress of this thread: glibc lets go of its own lock while handlers run
 * (since 2.36), so that those of two threads overlap. */
static __thread bool fork_has_lock;
static __thread int fork_unblocks; /* a signal; 0: none */
static size_t thread_stack_bytes;
static bool was_forked; /* since its program began */

/* Of Holter's thread: it has a copy of the server's standard error, for as long as it may have to
 * complain that the recording cannot be opened. */
static bool has_error_copy;

static const uint32_t *word(const _Atomic uint32_t *atomic)
{
	return (const uint32_t *)atomic;
}

bool life_may_record(void)
{
	return atomic_load_explicit(&state, memory_order_relaxed) != LIFE_ASIDE;
}

bool life_is_inert(void)
{
	return atomic_load_explicit(&state, memory_order_relaxed) == LIFE_INERT;
}

bool life_has_listened(void)
{
	return atomic_load_explicit(&listened, memory_order_relaxed);
}

uint64_t life_server_since_ns(void)
{
	return atomic_load_explicit(&server_since_ns, memory_order_relaxed);
}

void life_count_lost_loop(void)
{
	atomic_fetch_add_explicit(&lost_loops, 1, memory_order_relaxed);
}

uint64_t life_lost_loops(void)
{
	return atomic_load_explicit(&lost_loops, memory_order_relaxed);
}

/* Returns false at the deadline (0: never). */
static bool take_lock(uint64_t deadline_ns)
{
	uint32_t expected = 0;

	if (atomic_compare_exchange_strong_explicit(
		    &lock_word, &expected, 1, memory_order_acquire, memory_order_relaxed))
		return true;
	while (atomic_exchange_explicit(&lock_word, 2, memory_order_acquire)) {
		uint64_t until = deadline_ns ? deadline_ns : clock_monotonic_ns() + 1000000000;

		sys_futex_wait_until(word(&lock_word), 2, until);
		if (deadline_ns && clock_monotonic_ns() >= deadline_ns)
			return false;
	}
	return true;
}

void life_lock(void)
{
	take_lock(0);
}

void life_unlock(void)
{
	if (atomic_exchange_explicit(&lock_word, 0, memory_order_release) == 2)
		sys_futex_wake(word(&lock_word));
}

bool life_is_ending(void)
{
	return atomic_load_explicit(&ending, memory_order_acquire);
}

const char *life_reason(void)
{
	return reason;
}

void life_tell(void)
{
	atomic_fetch_add_explicit(&life_news, 1, memory_order_release);
	sys_futex_wake(word(&life_news));
}

static void announce(_Atomic uint32_t *fact)
{
	atomic_store_explicit(fact, 1, memory_order_release);
	sys_futex_wake(word(fact));
}

static void await(_Atomic uint32_t *fact, uint64_t at_most_ns)
{
	uint64_t deadline = clock_monotonic_ns() + at_most_ns;

	while (!atomic_load_explicit(fact, memory_order_acquire) && clock_monotonic_ns() < deadline)
		sys_futex_wait_until(word(fact), 0, deadline);
}

void life_thread_opened(void)
{
	if (has_error_copy)
		sys_close(STDERR_FILENO);
	announce(&thread_opened);
}

void life_thread_ended(void)
{
	announce(&thread_opened);
	announce(&thread_ended);
}

static void *thread_main(void *unused)
{
	(void)unused;
	/*
	 * A descriptor table of our own: the server can neither close nor meet our descriptors
	 * (hazards 2, 22), and a server with one thread keeps the kernel's fast path for its own.
	 * Where it is refused (before Linux 5.9), the recording's descriptor is a high one of the
	 * server's table, and checked before each write.
	 */
	has_error_copy = false;
	/* Nor does it take Holter along when it changes its folder or its root. */
	sys_call3(SYS_unshare, CLONE_FS, 0, 0);
	if (!sys_unshare_descriptors(STDERR_FILENO + 1)) {
		sys_close(STDIN_FILENO);
		sys_close(STDOUT_FILENO);
		has_error_copy = sys_fcntl(STDERR_FILENO, F_GETFD, 0) >= 0;
	}
	atomic_store(&thread_tid, (uint32_t)sys_gettid());
	watchdog_run();
	sampler_close();
	/* By itself: nothing can be recorded, or nothing is to be. */
	if (!life_is_ending()) {
		atomic_store(&ended_alone, true);
		atomic_store(&state, LIFE_ASIDE);
	}
	life_thread_ended();
	return NULL;
}

/*
 * A thread's stack holds the program's thread-local variables, too. The C library's own answer to
 * what that takes has no public name; the Rust and Java runtimes ask for it in the same way.
 */
static void measure_stack(void)
{
	size_t (*least)(const pthread_attr_t *) = dlsym(RTLD_DEFAULT, "__pthread_get_minstack");
	pthread_attr_t attributes;

	thread_stack_bytes = THREAD_STACK_BYTES;
	if (!least || pthread_attr_init(&attributes))
		return;
	thread_stack_bytes += least(&attributes);
	pthread_attr_destroy(&attributes);
}

static int start_thread(void)
{
	sigset_t all, old;
	pthread_attr_t attributes;
	pthread_t id;
	int error;

	error = pthread_attr_init(&attributes);
	if (error)
		return error;
	pthread_attr_setstacksize(&attributes, thread_stack_bytes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	/* The server's signals are the server's: Holter's thread takes none. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&id, &attributes, thread_main, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attributes);
	return error;
}

bool life_activate(void)
{
	uint32_t expected = LIFE_INERT;
	int saved = errno, error;
	bool started;

	if (atomic_load_explicit(&state, memory_order_acquire) == LIFE_ACTIVE)
		return true;
	if (own_pid != sys_getpid())
		return false;
	if (!atomic_compare_exchange_strong(&state, &expected, LIFE_STARTING))
		return expected == LIFE_ACTIVE;
	if (settings_switched_off()) {
		atomic_store(&state, LIFE_ASIDE);
		errno = saved;
		return false;
	}
	atomic_store(&ending, false);
	atomic_store(&thread_opened, 0);
	atomic_store(&thread_ended, 0);
	sampler_open(settings.no_signals);
	error = start_thread();
	if (error) {
		sampler_close();
		complaint_no_recording("", -error);
		atomic_store(&state, LIFE_ASIDE);
	}
	/* It may have ended already. */
	expected = LIFE_STARTING;
	started = atomic_compare_exchange_strong(&state, &expected, LIFE_ACTIVE);
	errno = saved;
	return started;
}

void life_listened(void)
{
	uint64_t none = 0;

	if (!life_may_record() || own_pid != sys_getpid())
		return;
	atomic_compare_exchange_strong(&server_since_ns, &none, clock_now_ns());
	atomic_store(&listened, true);
}

void life_before_drop(uint32_t user)
{
	if (!life_may_record() || own_pid != sys_getpid())
		return;
	if (!life_server_since_ns() && (was_forked || !output_is_closed_to(user)))
		return;
	/* Who keeps capabilities does so for its own thread. The next change of user or group would
	 * succeed there and fail for Holter's, and the C library ends a process whose threads
	 * differ. */
	if (sys_call3(SYS_prctl, PR_GET_KEEPCAPS, 0, 0) != 0)
		return;
	/* NEEDSWORK: who drops root to execute another program leaves a recording without a loop,
	 * be it a child that a server forked for that, or runuser(1) with a recording's name in a
	 * folder closed to the user; nothing tells it from a server at this moment. */
	if (life_activate())
		await(&thread_opened, OPEN_WAIT_NS);
}

/* Ends Holter's thread. Bounded: a disk that hangs must not keep the server waiting. */
static void end_thread(void)
{
	/* In this order: who stands aside makes no system call (hazard 23), and a child that shares
	 * this memory changes nothing. */
	if (!life_may_record() || own_pid != sys_getpid() ||
		atomic_exchange(&state, LIFE_ASIDE) != LIFE_ACTIVE)
		return;
	atomic_store(&ending, true);
	life_tell();
	await(&thread_ended, EXIT_WAIT_NS);
}

/* Waits until the thread that has ended is gone: the C library makes system calls of its own to end
 * it, and a filter for all threads would kill for them (hazard 23). Bounded as well. */
static void await_gone(void)
{
	static const uint32_t never = 0;
	uint64_t now = clock_monotonic_ns(), deadline = now + EXIT_WAIT_NS;

	while (now < deadline && sys_call3(SYS_tgkill, (uint64_t)sys_getpid(),
					 atomic_load(&thread_tid), 0) != -ESRCH) {
		sys_futex_wait_until(&never, 0, now + GONE_LOOK_NS);
		now = clock_monotonic_ns();
	}
}

void life_stand_aside(const char *why)
{
	int saved = errno;

	if (atomic_exchange(&ended_alone, false))
		await_gone();
	if (!life_may_record() || own_pid != sys_getpid())
		return;
	reason = why;
	end_thread();
	if (atomic_load(&thread_ended))
		await_gone();
	/* The hooks stamp on, which costs nothing; what they would do about a stall are calls. */
	loop_threshold_ns = UINT64_MAX;
	errno = saved;
}

static void before_fork(void)
{
	fork_has_lock = take_lock(clock_monotonic_ns() + FORK_WAIT_NS);
	/* A signal that arrives again and again keeps a long fork from ever finishing (hazard 13).
	 */
	fork_unblocks = sampler_block_signal();
}

static void after_fork_in_parent(void)
{
	sampler_unblock_signal(fork_unblocks);
	if (fork_has_lock)
		life_unlock();
}

static void after_fork_in_child(void)
{
	bool was_active =
		atomic_load(&state) == LIFE_ACTIVE || atomic_load(&state) == LIFE_STARTING;

	was_forked = true;
	sampler_unblock_signal(fork_unblocks);
	loop_forget_all();
	pools_begin_anew(life_may_record() ? clock_now_ns() : 0);
	if (was_active)
		watchdog_abandon();
	atomic_store(&lock_word, 0);
	atomic_store(&lost_loops, 0);
	if (atomic_exchange(&listened, false))
		atomic_store(&server_since_ns, clock_now_ns());
	if (atomic_load(&state) == LIFE_ASIDE)
		return;
	own_pid = sys_getpid();
	/* Without the lock, a library's own lock may have been copied while it was held: stay out.
	 */
	atomic_store(&state, fork_has_lock ? LIFE_INERT : LIFE_ASIDE);
}

__attribute__((constructor)) static void start(void)
{
	real_resolve();
	settings_load();
	complaint_init();
	measure_stack();
	loop_threshold_ns = settings.threshold_ns;
	if (settings.disabled ||
		pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child))
		return;
	own_pid = sys_getpid();
	atomic_store(&state, LIFE_INERT);
}

__attribute__((destructor)) static void finish(void)
{
	end_thread();
}
