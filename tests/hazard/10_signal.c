/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 10_signal.c - hazard 10: a server that has a use for SIGURG itself, in one way or another. The
 * loop stalls for a second all told, and in the end each SIGURG that the server sent itself has
 * arrived where it should, and no other.
 *
 *     10_signal WAY [wrong]      wrong: the control, something else in the process queues signals
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "loop.h"

enum { TURNS = 20, STALL_MS = 50 };

static bool wrong;
static int loop;
static _Atomic unsigned arrived;

static void count(int number)
{
	(void)number;
	arrived++;
}

static void send_own(void)
{
	kill(getpid(), SIGURG);
}

static void stall_turns(void (*between)(void))
{
	for (int i = 0; i < TURNS; i++) {
		burn_ms(STALL_MS);
		if (wrong)
			sigqueue(getpid(), SIGURG, (union sigval){.sival_int = i});
		if (between)
			between();
		loop_turn(loop);
	}
}

static void install(void)
{
	struct sigaction action = {.sa_handler = count};

	sigaction(SIGURG, &action, NULL);
}

/* Its own handler, there before Holter comes. */
static unsigned by_handler_before(void)
{
	install();
	serve();
	loop_warm(loop);
	stall_turns(send_own);
	return TURNS;
}

/* Its own handler, installed while Holter samples. */
static unsigned by_handler_after(void)
{
	serve();
	loop_warm(loop);
	burn_ms(200);
	loop_turn(loop);
	install();
	stall_turns(send_own);
	return TURNS;
}

static void block(int how, int number)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	if (number == 0)
		sigfillset(&set);
	pthread_sigmask(how, &set, NULL);
}

/* Everything is blocked while the loop works: nothing may be pending when it is let in. */
static unsigned by_blocking(void)
{
	sigset_t pending;

	serve();
	loop_warm(loop);
	block(SIG_BLOCK, 0);
	stall_turns(NULL);
	sigpending(&pending);
	if (sigismember(&pending, SIGURG))
		broken("a signal is pending");
	return 0;
}

/* Takes them by a descriptor. */
static unsigned by_descriptor(void)
{
	struct signalfd_siginfo info;
	sigset_t set;
	int fd;

	serve();
	loop_warm(loop);
	sigemptyset(&set);
	sigaddset(&set, SIGURG);
	block(SIG_BLOCK, SIGURG);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	stall_turns(NULL);
	while (read(fd, &info, sizeof(info)) == sizeof(info))
		arrived++;
	return 0;
}

/* Blocks it, and starts a program which must find it free and its disposition the default one. */
static unsigned by_exec(void)
{
	serve();
	loop_warm(loop);
	burn_ms(100);
	execl("/proc/self/exe", "10_signal", "inherited", (char *)NULL);
	broken("execl: %s", strerror(errno));
}

static unsigned by_inheritance(void)
{
	struct sigaction action;
	sigset_t blocked;

	sigaction(SIGURG, NULL, &action);
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	if (action.sa_handler != SIG_DFL || sigismember(&blocked, SIGURG))
		broken("SIGURG is inherited in another state");
	return 0;
}

static const struct way {
	const char *name;
	unsigned (*go)(void);
} ways[] = {
	{"handler-before", by_handler_before},
	{"handler-after", by_handler_after},
	{"blocked", by_blocking},
	{"descriptor", by_descriptor},
	{"exec", by_exec},
	{"inherited", by_inheritance},
};

int main(int argc, char **argv)
{
	unsigned expected;

	loop = loop_open();
	wrong = argc > 2;
	for (size_t i = 0; argc > 1 && i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strcmp(argv[1], ways[i].name) != 0)
			continue;
		expected = ways[i].go();
		if (arrived != expected)
			broken("%u signals arrived, %u were sent", arrived, expected);
		return 0;
	}
	broken("usage: 10_signal WAY [wrong]");
}
