/* SPDX-License-Identifier: Apache-2.0 */
/*
 * life.c - a native server with a loop on each of three threads. One of them sleeps in its loop for
 * 120 ms, twice a second; the others have a timer, too, and are quick. Listens on $PORT.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { LOOPS = 3, STALL_NS = 120000000, PERIOD_NS = 500000000 };

static const char *const names[LOOPS] = {"quick-1", "quick-2", "slow"};

__attribute__((noinline)) static void flush_journal(void)
{
	const struct timespec pause = {.tv_nsec = STALL_NS};

	nanosleep(&pause, NULL);
}

static void add(int loop, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	if (fd < 0 || epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event))
		abort();
}

static int listen_on(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 64))
		abort();
	return fd;
}

static void *run(void *argument)
{
	const struct itimerspec period = {
		.it_value.tv_nsec = PERIOD_NS, .it_interval.tv_nsec = PERIOD_NS};
	int number = (int)(intptr_t)argument, loop = epoll_create1(EPOLL_CLOEXEC);
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), listener = -1;
	struct epoll_event event;
	uint64_t expirations;

	prctl(PR_SET_NAME, names[number]);
	timerfd_settime(timer, 0, &period, NULL);
	add(loop, timer);
	if (number == 0) {
		listener = listen_on(atoi(getenv("PORT")));
		add(loop, listener);
	}
	for (;;) {
		if (epoll_wait(loop, &event, 1, -1) != 1)
			continue;
		if (event.data.fd == listener)
			close(accept(listener, NULL, NULL));
		else if (read(timer, &expirations, sizeof(expirations)) > 0 && number == 2)
			flush_journal();
	}
	return NULL;
}

int main(void)
{
	pthread_t thread;

	for (intptr_t number = 1; number < LOOPS; number++)
		pthread_create(&thread, NULL, run, (void *)number);
	run(NULL);
}
