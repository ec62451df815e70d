/* SPDX-License-Identifier: Apache-2.0 */
#include "sampler.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/uio.h>
#include <time.h>
#include <ucontext.h>

#include "clock.h"
#include "format.h"
#include "proc_path.h"
#include "restart.h"
#include "sys.h"
#include "usage.h"

enum {
	STACK_BYTES = ASLEEP_STACK_BYTES,
	RED_ZONE = 128, /* below rsp, in use by leaf functions (System V ABI for x86-64, 3.2.2) */
	TIMEOUT_NS = 50 * 1000 * 1000, /* a thread that waits for a CPU answers late */
	FIRST_LOOK_NS = 20 * 1000,
	LOOKS_MAX = 4,
	LOOK_NS = 200 * 1000, /* a look at a thread is worth nothing after this */
	FOREIGN_MAX = 32,     /* signals of somebody else's until the number is theirs */
	/*
	 * Room on the stack (hazard 12). The kernel writes a frame with all vector registers before
	 * the handler can look at anything, so a small stack is refused beforehand. The handler
	 * itself stays below HANDLER_BYTES.
	 */
	STACK_LEAST_BYTES = 64 << 10,
	HANDLER_BYTES = 4096,
	FRAME_LEAST_BYTES = 4096, /* of the kernel, where it does not say (before Linux 5.14) */
};

/* One sample at a time: Holter's thread arms the slot, the handler fills it. */
enum slot_state { SLOT_IDLE, SLOT_ARMED, SLOT_FILLING, SLOT_READY };

static struct {
	_Atomic uint32_t state; /* release by each side when it hands over */
	uint32_t tid;
	uint64_t stack_start, stack_end; /* the thread's own stack; 0, 0: not known */
	uint64_t registers[UNWIND_REGISTERS];
	uint64_t taken_ns, cpu_ns, took_ns;
	struct asleep_copy copy;
} slot;

/*
 * A signal that is still pending when its thread calls execve meets a program without our handler.
 * A real-time signal would kill that program; these are ignored by default. The Go runtime and
 * haproxy use the first themselves, programs that draw on a terminal the second.
 */
static const int candidates[] = {SIGURG, SIGWINCH};

static int signal_number; /* 0: no handler installed */
static bool signals_off;
static const char *complaint;
static _Atomic(const struct lang *) slot_lang; /* release: its state is complete */
static _Atomic uint64_t interruptions;
static _Atomic uint32_t foreign;
static void *handler_before; /* SIG_DFL or SIG_IGN */
static int own_pid;

/* --- in the signalled thread
 * ---------------------------------------------------------------------- */

/* ucontext's order of registers, in DWARF's. */
static const uint8_t register_of[UNWIND_REGISTERS] = {
	REG_RAX,
	REG_RDX,
	REG_RCX,
	REG_RBX,
	REG_RSI,
	REG_RDI,
	REG_RBP,
	REG_RSP,
	REG_R8,
	REG_R9,
	REG_R10,
	REG_R11,
	REG_R12,
	REG_R13,
	REG_R14,
	REG_R15,
	REG_RIP,
};

/* Where the copy begins: with the red zone, which unwind information may refer to. */
static uint64_t copy_begin_sig(uint64_t sp, uint64_t start)
{
	return sp >= start && sp - start >= RED_ZONE ? sp - RED_ZONE : sp;
}

/* Not memcpy: a sanitizer's may stand in its place, which ends a program that reads the red zones
 * of its stack. */
static void copy_bytes_sig(void *to, const void *from, uint64_t length)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(length) : : "memory");
}

/* Copies [sp, end) as far as it goes; returns the bytes. */
static uint64_t copy_stack_sig(uint64_t sp, uint64_t start, uint64_t end, uint8_t *bytes)
{
	struct iovec local, remote;
	int64_t got;

	if (sp >= start && sp < end) {
		/* The thread's own stack, which is mapped as long as it runs. */
		uint64_t length = end - sp < STACK_BYTES ? end - sp : STACK_BYTES;

		copy_bytes_sig(bytes, (const void *)(uintptr_t)sp, length);
		return length;
	}
	/* Another stack (a coroutine, or the main thread's own grown since): let the kernel find
	 * its end. */
	local = (struct iovec){bytes, STACK_BYTES};
	remote = (struct iovec){(void *)(uintptr_t)sp, STACK_BYTES};
	got = sys_process_vm_readv(own_pid, &local, 1, &remote, 1);
	if (got > 0)
		return (uint64_t)got;
	local.iov_len = remote.iov_len = 4096 - (sp & 4095);
	got = sys_process_vm_readv(own_pid, &local, 1, &remote, 1);
	return got > 0 ? (uint64_t)got : 0;
}

/* Gives the signal back, as it was. By a raw call: this happens in the handler, too. */
static void give_signal_back_sig(void)
{
	/* The kernel's own layout (linux/signal_types.h, struct kernel_sigaction). */
	const struct {
		void *handler;
		uint64_t flags;
		void *restorer;
		uint64_t mask;
	} action = {.handler = handler_before};

	sys_call6(SYS_rt_sigaction, signal_number, (uint64_t)(uintptr_t)&action, 0,
		sizeof(action.mask), 0, 0);
}

/*
 * Somebody else's signal, which would have been ignored but for our handler: the call that it
 * interrupted is made again. Many of them mean that the number is in use, and calls that begin anew
 * for ever would never time out: it is given back (hazards 10, 11).
 */
static void on_foreign_signal_sig(ucontext_t *context, int number)
{
	if (restart_call_sig(context, number) == RESTART_FAILED)
		atomic_fetch_add_explicit(&interruptions, 1, memory_order_relaxed);
	if (atomic_fetch_add_explicit(&foreign, 1, memory_order_relaxed) + 1 == FOREIGN_MAX)
		give_signal_back_sig();
}

static void on_signal(int number, siginfo_t *info, void *argument)
{
	ucontext_t *context = argument;
	const greg_t *registers = context->uc_mcontext.gregs;
	const struct lang *lang;
	uint32_t armed = SLOT_ARMED;
	struct timespec cpu = {0};
	uint64_t sp;

	if (info->si_code != SI_QUEUE || info->si_value.sival_ptr != &slot) {
		on_foreign_signal_sig(context, number);
		return;
	}
	if (restart_call_sig(context, number) == RESTART_FAILED)
		atomic_fetch_add_explicit(&interruptions, 1, memory_order_relaxed);
	if (slot.tid != (uint32_t)sys_gettid() ||
		!atomic_compare_exchange_strong_explicit(&slot.state, &armed, SLOT_FILLING,
			memory_order_acquire, memory_order_relaxed))
		return;
	slot.taken_ns = clock_now_ns();
	for (size_t i = 0; i < UNWIND_REGISTERS; i++)
		slot.registers[i] = (uint64_t)registers[register_of[i]];
	sp = slot.registers[UNWIND_RSP];
	slot.copy.start = copy_begin_sig(sp, slot.stack_start);
	slot.copy.length =
		copy_stack_sig(slot.copy.start, slot.stack_start, slot.stack_end, slot.copy.bytes);
	slot.copy.slot_count = 0;
	lang = atomic_load_explicit(&slot_lang, memory_order_acquire);
	if (lang && lang->ops->capture_sig && sp >= slot.stack_start && sp < slot.stack_end)
		slot.copy.slot_count =
			lang->ops->capture_sig(lang->state, slot.registers[UNWIND_RBP], sp,
				slot.stack_end, slot.copy.slots, ASLEEP_SLOTS_MAX);
	sys_clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	slot.cpu_ns = (uint64_t)cpu.tv_sec * 1000000000 + (uint64_t)cpu.tv_nsec;
	slot.took_ns = clock_now_ns() - slot.taken_ns;
	atomic_store_explicit(&slot.state, SLOT_READY, memory_order_release);
}

uint64_t sampler_admit_thread(void)
{
	stack_t alternate = {.ss_flags = SS_DISABLE};

	sampler_unblock_signal(signal_number);
	sys_call3(SYS_sigaltstack, 0, (uint64_t)(uintptr_t)&alternate, 0);
	return alternate.ss_flags & SS_DISABLE ? 0 : alternate.ss_size;
}

int sampler_block_signal(void)
{
	int number = signal_number;
	sigset_t set, old;

	if (!number)
		return 0;
	sigemptyset(&set);
	sigaddset(&set, number);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	return sigismember(&old, number) ? 0 : number;
}

void sampler_unblock_signal(int number)
{
	sigset_t set;

	if (!number)
		return;
	sigemptyset(&set);
	sigaddset(&set, number);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* --- on Holter's thread
 * --------------------------------------------------------------------------- */

/* Whether nobody has a use for the signal: its default is to be ignored, and our own handler
 * survives a fork. */
static bool is_free(const struct sigaction *action)
{
	if (action->sa_flags & SA_SIGINFO)
		return action->sa_sigaction == on_signal;
	return action->sa_handler == SIG_DFL || action->sa_handler == SIG_IGN;
}

void sampler_open(bool no_signals)
{
	struct sigaction action = {.sa_sigaction = on_signal}, old;

	own_pid = sys_getpid();
	signals_off = no_signals;
	complaint = NULL;
	atomic_store(&foreign, 0);
	atomic_store(&slot.state, SLOT_IDLE);
	if (no_signals)
		return;
	/* Every signal waits until the copy is done (hazard 11); the alternate stack is used where
	 * there is one. */
	action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
	sigfillset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
		int number = candidates[i];

		if (sigaction(number, NULL, &old) || !is_free(&old) ||
			sigaction(number, &action, NULL))
			continue;
		if (!(old.sa_flags & SA_SIGINFO))
			handler_before = (void *)old.sa_handler;
		signal_number = number;
		return;
	}
	signals_off = true;
	complaint = "the server uses SIGURG and SIGWINCH itself: running threads are not sampled";
}

void sampler_close(void)
{
	struct sigaction action;

	if (signal_number && !sigaction(signal_number, NULL, &action) &&
		(action.sa_flags & SA_SIGINFO) && action.sa_sigaction == on_signal)
		give_signal_back_sig();
	signal_number = 0;
}

void sampler_set_lang(const struct lang *lang)
{
	atomic_store_explicit(&slot_lang, lang, memory_order_release);
}

const char *sampler_complaint(void)
{
	return complaint;
}

uint64_t sampler_interruptions(void)
{
	return atomic_load_explicit(&interruptions, memory_order_relaxed);
}

struct task {
	char state;       /* 'R', 'S', 'D'...; 0: not known */
	uint64_t blocked; /* signals 1 to 31, from bit 0 */
};

/* proc(5), /proc/pid/stat. Readable where `syscall` is not. */
static void read_task(uint32_t tid, struct task *ret)
{
	enum { STATE = 3, BLOCKED = 32 };
	char path[PROC_PATH_BYTES], text[640];
	const char *at;

	*ret = (struct task){0};
	proc_path_task(path, sizeof(path), own_pid, tid, "/stat");
	if (sys_read_file(path, text, sizeof(text)) <= 0)
		return;
	at = strrchr(text, ')'); /* the name before it may hold anything */
	if (!at || at[1] != ' ')
		return;
	ret->state = at[2];
	at += 2;
	for (int field = STATE; field < BLOCKED && at; field++) {
		at = strchr(at, ' ');
		at += at != NULL;
	}
	if (at)
		parse_unsigned(&at, &ret->blocked);
}

static enum sample_result take_in_place(
	const struct sample_target *target, const struct asleep *asleep, struct sampled *ret)
{
	if (!asleep_take(own_pid, target->tid, asleep, target->stack_start, target->stack_end,
		    atomic_load_explicit(&slot_lang, memory_order_acquire), &slot.copy))
		return SAMPLE_NO_STACK;
	*ret = (struct sampled){
		.sample = asleep_sample(asleep, &slot.copy),
		.taken_ns = clock_now_ns(),
		.cpu_ns = usage_own_cpu_ns(target->tid),
		.in_place = true,
		.asleep = *asleep,
	};
	return SAMPLE_TAKEN;
}

/* Whether the handler is ours still (hazard 10). */
static bool handler_is_ours(void)
{
	struct sigaction action;

	if (!sigaction(signal_number, NULL, &action) && (action.sa_flags & SA_SIGINFO) &&
		action.sa_sigaction == on_signal)
		return true;
	signals_off = true;
	complaint = "Holter's signal has another use in this process: running threads are not "
		    "sampled";
	return false;
}

/* Whether the frame of a signal and the handler fit where they would go (hazard 12). */
static bool has_room(const struct sample_target *target)
{
	uint64_t frame_bytes = getauxval(AT_MINSIGSTKSZ);
	bool room;

	if (frame_bytes < FRAME_LEAST_BYTES)
		frame_bytes = FRAME_LEAST_BYTES;
	room = target->alternate_bytes
		       ? target->alternate_bytes >= frame_bytes + HANDLER_BYTES
		       : target->stack_end - target->stack_start >= STACK_LEAST_BYTES;
	if (!room && !complaint)
		complaint = "a loop's stack has little room for a signal: that thread is not "
			    "sampled while it runs";
	return room;
}

static int send_signal(uint32_t tid)
{
	siginfo_t info = {
		.si_signo = signal_number,
		.si_code = SI_QUEUE,
		.si_pid = own_pid,
		.si_value = {.sival_ptr = &slot},
	};

	return (int)sys_call6(SYS_rt_tgsigqueueinfo, (uint64_t)own_pid, tid,
		(uint64_t)signal_number, (uint64_t)(uintptr_t)&info, 0, 0);
}

/* Waits for the handler in growing steps: usually it has run before the first look. */
static bool wait_ready(void)
{
	static const uint32_t never;
	uint64_t deadline = clock_monotonic_ns() + TIMEOUT_NS, pause = FIRST_LOOK_NS;

	for (;;) {
		uint32_t armed = SLOT_ARMED;
		uint64_t now;

		if (atomic_load_explicit(&slot.state, memory_order_acquire) == SLOT_READY)
			return true;
		now = clock_monotonic_ns();
		/* A handler that has begun will finish; one that has not is called off. */
		if (now >= deadline &&
			atomic_compare_exchange_strong(&slot.state, &armed, SLOT_IDLE))
			return false;
		sys_futex_wait_until(&never, 0, now + pause);
		pause = pause < 1000000 ? pause * 2 : pause;
	}
}

static enum sample_result take_by_signal(const struct sample_target *target, struct sampled *ret)
{
	const struct lang *lang = atomic_load_explicit(&slot_lang, memory_order_acquire);
	int rc;

	if (signals_off || !handler_is_ours() || !has_room(target))
		return SAMPLE_REFUSED;
	if (lang && lang->ops->prepare)
		lang->ops->prepare(lang->state, target->tid);
	slot.tid = target->tid;
	slot.stack_start = target->stack_is_own ? target->stack_start : 0;
	slot.stack_end = target->stack_is_own ? target->stack_end : 0;
	atomic_store_explicit(&slot.state, SLOT_ARMED, memory_order_release);
	rc = send_signal(target->tid);
	if (rc) {
		atomic_store(&slot.state, SLOT_IDLE);
		return rc == -ESRCH ? SAMPLE_GONE : SAMPLE_REFUSED;
	}
	if (!wait_ready())
		return SAMPLE_TIMEOUT;
	atomic_store(&slot.state, SLOT_IDLE);
	if (slot.copy.length < RED_ZONE + 16)
		return SAMPLE_NO_STACK;
	*ret = (struct sampled){
		.sample =
			{
				.stack_start = slot.copy.start,
				.bytes = slot.copy.bytes,
				.length = slot.copy.length,
				.slots = slot.copy.slots,
				.slot_count = slot.copy.slot_count,
			},
		.taken_ns = slot.taken_ns,
		.cpu_ns = slot.cpu_ns,
		.took_ns = slot.took_ns,
	};
	memcpy(ret->sample.registers, slot.registers, sizeof(slot.registers));
	return SAMPLE_TAKEN;
}

/*
 * How the thread is now, in `ret`. Returns 0 or a negative errno; -EAGAIN: the look took so long
 * (Holter's thread had to wait for a CPU) that it says nothing about now.
 */
static int look(uint32_t tid, struct asleep *ret)
{
	int rc = -EAGAIN;

	for (int i = 0; i < LOOKS_MAX && rc == -EAGAIN; i++) {
		uint64_t begin_ns = clock_now_ns();

		rc = asleep_look(own_pid, tid, ret);
		if (!rc && ret->call == ASLEEP_RUNNING && clock_now_ns() - begin_ns > LOOK_NS)
			rc = -EAGAIN;
	}
	return rc;
}

enum sample_result sampler_take_asleep(const struct sample_target *target, struct sampled *ret)
{
	struct asleep asleep;

	if (asleep_look(own_pid, target->tid, &asleep) || asleep.call < 0)
		return SAMPLE_NO_STACK;
	return take_in_place(target, &asleep, ret);
}

enum sample_result sampler_take(const struct sample_target *target, struct sampled *ret)
{
	struct asleep asleep;
	struct task task;
	int rc;

	read_task(target->tid, &task);
	rc = look(target->tid, &asleep);
	if (rc == -ENOENT || rc == -ESRCH)
		return SAMPLE_GONE;
	if (rc == -EAGAIN)
		return SAMPLE_TIMEOUT;
	if (!rc && asleep.call != ASLEEP_RUNNING)
		return take_in_place(target, &asleep, ret);
	/* A process that dropped root may not read `syscall`; then only what certainly runs is
	 * signalled. */
	if (rc && task.state != 'R')
		return SAMPLE_NO_STACK;
	/* Blocked, it would wait for whoever asks for it by sigwait or signalfd (hazard 10). */
	if (signal_number && task.blocked & (1u << (signal_number - 1)))
		return SAMPLE_REFUSED;
	return take_by_signal(target, ret);
}
