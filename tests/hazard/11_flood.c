/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 11_flood.c - hazard 11: another process queues signals of Holter's number without end, some
 * 50,000 a second, while the loop is sampled and sleeps in between. The signal is ignored by
 * default, so the server must notice nothing: no call is interrupted, none lasts much longer.
 *
 *     11_flood            under Holter
 *     11_flood wrong      the control: a handler that only returns
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop.h"

enum { TURNS = 60, STALL_MS = 20, WAIT_MS = 5, LATE_MS = 500, BURST = 50 };

__attribute__((noreturn)) static void flood(pid_t server)
{
	const struct timespec millisecond = {.tv_nsec = 1000000};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		for (int i = 0; i < BURST; i++)
			sigqueue(server, SIGURG, (union sigval){.sival_ptr = &i});
		nanosleep(&millisecond, NULL);
	}
}

static void expect_whole(const char *call, int result, double begin_ms)
{
	double took_ms = now_ms() - begin_ms;

	if (result < 0)
		broken("%s: %s", call, strerror(errno));
	if (took_ms < WAIT_MS - 1.0 || took_ms > LATE_MS)
		broken("%s took %.1f ms", call, took_ms);
}

static void do_nothing(int number)
{
	(void)number;
}

int main(int argc, char **argv)
{
	const struct timespec pause = {.tv_nsec = WAIT_MS * 1000000};
	struct sigaction action = {.sa_handler = do_nothing, .sa_flags = SA_RESTART};
	pid_t server = getpid(), child;
	int loop = loop_open();
	struct epoll_event event;
	double begin_ms;

	(void)argv;
	if (argc > 1)
		sigaction(SIGURG, &action, NULL);
	serve();
	loop_warm(loop);
	burn_ms(100);
	child = fork();
	if (child == 0)
		flood(server);
	for (int i = 0; i < TURNS; i++) {
		begin_ms = now_ms();
		expect_whole("epoll_wait", epoll_wait(loop, &event, 1, WAIT_MS), begin_ms);
		burn_ms(STALL_MS);
		begin_ms = now_ms();
		expect_whole("nanosleep", nanosleep(&pause, NULL), begin_ms);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return 0;
}
