/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 09_eintr.c - hazard 9: a ledger of interruptions. The loop thread falls asleep inside its turns,
 * by every call that a signal interrupts in spite of SA_RESTART and by some that it restarts; each
 * call must last as long as it was asked to, and end as it would alone. Before each call the thread
 * burns CPU for a time that varies, so that samples are being taken when it falls asleep: the
 * moment that is hard to get right.
 *
 *     09_eintr ROUNDS
 *
 * Prints a line a call: NAME libc|raw CALLS INTERRUPTED EARLY. "raw" are calls made
 * through syscall(2), whose number the handler cannot read; for them a small race is a published
 * limit. The status is 0: the test reads the ledger.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop.h"

enum { SLEEP_MS = 60, BURN_MAX_MS = 40 };
#define SLEEP_NS (SLEEP_MS * 1000000L)

static struct timespec duration = {.tv_nsec = SLEEP_NS};
static struct timeval duration_us = {.tv_usec = SLEEP_MS * 1000};
static int quiet_loop, quiet_socket, full_socket, quiet_listener, quiet_pipe[2], semaphores,
	messages;
static sem_t semaphore;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;

static struct timespec at(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	time.tv_nsec += SLEEP_NS;
	if (time.tv_nsec >= 1000000000L) {
		time.tv_nsec -= 1000000000L;
		time.tv_sec++;
	}
	return time;
}

/* Each returns whether the call ended as it would have alone; errno says how it did. */

static bool by_epoll_wait(void)
{
	struct epoll_event event;

	return epoll_wait(quiet_loop, &event, 1, SLEEP_MS) == 0;
}

static bool by_epoll_pwait(void)
{
	struct epoll_event event;
	sigset_t none;

	sigemptyset(&none);
	return epoll_pwait(quiet_loop, &event, 1, SLEEP_MS, &none) == 0;
}

static bool by_epoll_pwait2(void)
{
	struct epoll_event event;

	return epoll_pwait2(quiet_loop, &event, 1, &duration, NULL) == 0;
}

static bool by_poll(void)
{
	struct pollfd descriptor = {.fd = quiet_pipe[0], .events = POLLIN};

	return poll(&descriptor, 1, SLEEP_MS) == 0;
}

static bool by_ppoll(void)
{
	struct pollfd descriptor = {.fd = quiet_pipe[0], .events = POLLIN};

	return ppoll(&descriptor, 1, &duration, NULL) == 0;
}

static bool by_select(void)
{
	struct timeval timeout = duration_us;
	fd_set set;

	FD_ZERO(&set);
	FD_SET(quiet_pipe[0], &set);
	return select(quiet_pipe[0] + 1, &set, NULL, NULL, &timeout) == 0;
}

static bool by_pselect(void)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(quiet_pipe[0], &set);
	return pselect(quiet_pipe[0] + 1, &set, NULL, NULL, &duration, NULL) == 0;
}

static bool by_nanosleep(void)
{
	return nanosleep(&duration, NULL) == 0;
}

static bool by_clock_nanosleep(void)
{
	errno = clock_nanosleep(CLOCK_MONOTONIC, 0, &duration, NULL);
	return errno == 0;
}

static bool by_clock_nanosleep_until(void)
{
	struct timespec until = at(CLOCK_MONOTONIC);

	errno = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	return errno == 0;
}

static bool by_usleep(void)
{
	return usleep(SLEEP_MS * 1000) == 0;
}

static bool by_sem_timedwait(void)
{
	struct timespec until = at(CLOCK_REALTIME);

	return sem_timedwait(&semaphore, &until) == -1 && errno == ETIMEDOUT;
}

static bool by_recv(void)
{
	char byte;

	return recv(quiet_socket, &byte, 1, 0) == -1 && errno == EAGAIN;
}

static bool by_read_of_socket(void)
{
	char byte;

	return read(quiet_socket, &byte, 1) == -1 && errno == EAGAIN;
}

static bool by_send(void)
{
	char byte = 0;

	return send(full_socket, &byte, 1, MSG_NOSIGNAL) == -1 && errno == EAGAIN;
}

static bool by_accept(void)
{
	return accept(quiet_listener, NULL, NULL) == -1 && errno == EAGAIN;
}

static bool by_sigtimedwait(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	return sigtimedwait(&set, NULL, &duration) == -1 && errno == EAGAIN;
}

static bool by_semtimedop(void)
{
	struct sembuf down = {.sem_op = -1};

	return semtimedop(semaphores, &down, 1, &duration) == -1 && errno == EAGAIN;
}

static bool by_futex(void)
{
	int word = 0;

	return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &duration, NULL, 0) == -1 &&
	       errno == ETIMEDOUT;
}

static bool by_raw_nanosleep(void)
{
	return syscall(SYS_nanosleep, &duration, NULL) == 0;
}

static bool by_raw_epoll_wait(void)
{
	struct epoll_event event;

	return syscall(SYS_epoll_wait, quiet_loop, &event, 1, SLEEP_MS) == 0;
}

/* A helper thread ends the calls that have no timeout of their own. */
static void *release(void *unused)
{
	static const char byte;
	struct msgbuf message = {.mtype = 1};

	(void)unused;
	clock_nanosleep(CLOCK_MONOTONIC, 0, &duration, NULL);
	if (write(quiet_pipe[1], &byte, 1) != 1)
		broken("write: %s", strerror(errno));
	msgsnd(messages, &message, 0, 0);
	return NULL;
}

static bool released(ssize_t (*call)(void))
{
	struct msgbuf message;
	pthread_t helper;
	ssize_t result;
	int error;
	char byte;

	pthread_create(&helper, NULL, release, NULL);
	result = call();
	error = errno;
	pthread_join(helper, NULL);
	/* What the call did not take is taken here, for the next round. */
	fcntl(quiet_pipe[0], F_SETFL, O_NONBLOCK);
	while (read(quiet_pipe[0], &byte, 1) == 1)
		;
	fcntl(quiet_pipe[0], F_SETFL, 0);
	while (msgrcv(messages, &message, 0, 0, IPC_NOWAIT) == 0)
		;
	errno = error;
	return result >= 0;
}

static ssize_t read_pipe(void)
{
	char byte;

	return read(quiet_pipe[0], &byte, 1);
}

static ssize_t receive_message(void)
{
	struct msgbuf message;

	return msgrcv(messages, &message, 0, 0, 0);
}

static bool by_read_of_pipe(void)
{
	return released(read_pipe);
}

static bool by_msgrcv(void)
{
	return released(receive_message);
}

static bool by_cond_timedwait(void)
{
	struct timespec until = at(CLOCK_REALTIME);

	pthread_mutex_lock(&mutex);
	errno = pthread_cond_timedwait(&condition, &mutex, &until);
	pthread_mutex_unlock(&mutex);
	return errno == ETIMEDOUT;
}

static bool by_waitpid(void)
{
	pid_t child = fork();

	if (child == 0) {
		syscall(SYS_nanosleep, &duration, NULL);
		_exit(0);
	}
	return waitpid(child, NULL, 0) == child;
}

static struct call {
	const char *name;
	bool (*make)(void);
	bool raw;
	unsigned calls, interrupted, early;
} calls[] = {
	{.name = "epoll_wait", .make = by_epoll_wait},
	{.name = "epoll_pwait", .make = by_epoll_pwait},
	{.name = "epoll_pwait2", .make = by_epoll_pwait2},
	{.name = "poll", .make = by_poll},
	{.name = "ppoll", .make = by_ppoll},
	{.name = "select", .make = by_select},
	{.name = "pselect", .make = by_pselect},
	{.name = "nanosleep", .make = by_nanosleep},
	{.name = "clock_nanosleep", .make = by_clock_nanosleep},
	{.name = "clock_nanosleep_until", .make = by_clock_nanosleep_until},
	{.name = "usleep", .make = by_usleep},
	{.name = "cond_timedwait", .make = by_cond_timedwait},
	{.name = "read_of_pipe", .make = by_read_of_pipe},
	{.name = "waitpid", .make = by_waitpid},
	{.name = "sem_timedwait", .make = by_sem_timedwait},
	{.name = "recv", .make = by_recv},
	{.name = "read_of_socket", .make = by_read_of_socket},
	{.name = "send", .make = by_send},
	{.name = "accept", .make = by_accept},
	{.name = "sigtimedwait", .make = by_sigtimedwait},
	{.name = "semtimedop", .make = by_semtimedop},
	{.name = "msgrcv", .make = by_msgrcv},
	{.name = "futex", .make = by_futex, .raw = true},
	{.name = "raw_nanosleep", .make = by_raw_nanosleep, .raw = true},
	{.name = "raw_epoll_wait", .make = by_raw_epoll_wait, .raw = true},
};

enum { CALLS = sizeof(calls) / sizeof(calls[0]) };

/* Sets up the quiet things that the calls wait for in vain. */
static void prepare(void)
{
	struct sockaddr nameless = {.sa_family = AF_UNIX}; /* the kernel chooses a name */
	static char filling[1 << 16];
	int quiet[2], full[2];
	sigset_t set;

	quiet_loop = loop_open();
	quiet_listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (pipe(quiet_pipe) || socketpair(AF_UNIX, SOCK_STREAM, 0, quiet) ||
		socketpair(AF_UNIX, SOCK_STREAM, 0, full) || sem_init(&semaphore, 0, 0) ||
		bind(quiet_listener, &nameless, sizeof(nameless.sa_family)) ||
		listen(quiet_listener, 1))
		broken("cannot set up: %s", strerror(errno));
	quiet_socket = quiet[0];
	full_socket = full[0];
	while (send(full_socket, filling, sizeof(filling), MSG_DONTWAIT) > 0)
		;
	setsockopt(quiet_listener, SOL_SOCKET, SO_RCVTIMEO, &duration_us, sizeof(duration_us));
	setsockopt(quiet_socket, SOL_SOCKET, SO_RCVTIMEO, &duration_us, sizeof(duration_us));
	setsockopt(full_socket, SOL_SOCKET, SO_SNDTIMEO, &duration_us, sizeof(duration_us));
	semaphores = semget(IPC_PRIVATE, 1, 0600);
	messages = msgget(IPC_PRIVATE, 0600);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2); /* sigtimedwait wants it blocked */
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static void make(struct call *call, unsigned round)
{
	double begin;
	bool good;

	/* From none to BURN_MAX_MS in steps that fall at odd places between two samples. */
	burn_ms((double)(round * 7919 % (BURN_MAX_MS * 100)) / 100);
	errno = 0;
	begin = now_ms();
	good = call->make();
	call->calls++;
	call->interrupted += !good && errno == EINTR;
	call->early += now_ms() - begin < SLEEP_MS - 1.5;
	if (!good && errno != EINTR)
		broken("%s ended oddly: %s", call->name, strerror(errno));
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 5;
	int loop = loop_open();

	serve();
	prepare();
	loop_warm(loop);
	for (unsigned round = 1; round <= rounds; round++)
		for (unsigned i = 0; i < CALLS; i++) {
			make(&calls[i], round * CALLS + i);
			loop_turn(loop);
		}
	for (unsigned i = 0; i < CALLS; i++)
		printf("%s %s %u %u %u\n", calls[i].name, calls[i].raw ? "raw" : "libc",
			calls[i].calls, calls[i].interrupted, calls[i].early);
	semctl(semaphores, 0, IPC_RMID);
	msgctl(messages, IPC_RMID, NULL);
	return 0;
}
