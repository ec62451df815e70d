/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leaves.c - a thread that leaves its event loop for something else, as a script does whose
 * asyncio.run() returns. In the end it stalls for 150 ms in the loop that it has by then.
 *
 *     leaves again      the epoll descriptor is closed; a second later another, of the same number
 *     leaves polls      the same, but the other loop waits by poll
 *     leaves inside     a loop that waits by poll runs another, by epoll, inside a turn
 */
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "loop.h"

enum { WAIT_MS = 5, TURNS = 40, STALL_MS = 150, AWAY_MS = 1000 };

static struct pollfd listener = {.events = POLLIN};

__attribute__((noinline)) static void stall_on_purpose(void)
{
	burn_ms(STALL_MS);
}

static void turn_by_epoll(int turns, void (*last)(void))
{
	int loop = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event;

	for (int i = 0; i < turns; i++)
		(void)epoll_wait(loop, &event, 1, WAIT_MS);
	if (last) {
		last();
		(void)epoll_wait(loop, &event, 1, WAIT_MS);
	}
	close(loop);
}

static void turn_by_poll(int turns, void (*last)(void))
{
	for (int i = 0; i < turns; i++)
		(void)poll(&listener, 1, WAIT_MS);
	if (last) {
		last();
		(void)poll(&listener, 1, WAIT_MS);
	}
}

static void go_away(void)
{
	nanosleep(&(struct timespec){.tv_sec = AWAY_MS / 1000}, NULL);
}

int main(int argc, char **argv)
{
	const char *manner = argc > 1 ? argv[1] : "";

	listener.fd = socket(AF_INET, SOCK_STREAM, 0);
	if (listen(listener.fd, 1))
		return 1;
	if (strcmp(manner, "again") == 0) {
		turn_by_epoll(TURNS, NULL);
		go_away();
		turn_by_epoll(TURNS, stall_on_purpose);
	} else if (strcmp(manner, "polls") == 0) {
		turn_by_epoll(TURNS, NULL);
		turn_by_poll(4 * TURNS, stall_on_purpose);
	} else if (strcmp(manner, "inside") == 0) {
		turn_by_poll(TURNS, NULL);
		turn_by_epoll(TURNS / 4, NULL);
		turn_by_poll(4 * TURNS, stall_on_purpose);
	}
	return 0;
}
