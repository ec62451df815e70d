/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 35_target.c PORT - a server whose own state never changes: whoever finds its mappings, its text,
 * its descriptors or its signals changed knows that somebody else did it. Answers each connection
 * with "pong", and stalls: every 300 ms it computes for 60 ms, and then sleeps for as long.
 *
 * 35_target.c PORT clock - the same, with a thread that never sleeps. What passes on the clock, and
 * neither on its CPU nor in the queue for one (schedstat), it was kept from running by something
 * else: by a stop. On SIGTERM it prints the longest such time within two milliseconds, how many
 * times two milliseconds there were, and in how many of them it was stopped for one.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
	STALL_NS = 60000000,
	PERIOD_NS = 300000000,
	WINDOW_NS = 2000000,
	STOP_NS = 1000000,
	READING_NS = 50000,
};

static _Atomic uint64_t longest_ns, windows, stops;

static uint64_t now(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void compute(uint64_t ns)
{
	uint64_t end = now(CLOCK_THREAD_CPUTIME_ID) + ns;

	while (now(CLOCK_THREAD_CPUTIME_ID) < end)
		;
}

/* --- the clock ----------------------------------------------------------------------------------
 */

struct reading {
	uint64_t wall, accounted; /* on a CPU, and in the queue for one */
};

/* All three at one moment: again, if the thread was put aside between them. */
static struct reading read_clocks(int schedstat)
{
	struct reading reading;
	uint64_t begin;

	do {
		char text[64] = "";
		unsigned long long delay = 0;

		begin = now(CLOCK_MONOTONIC);
		reading.accounted = now(CLOCK_THREAD_CPUTIME_ID);
		if (pread(schedstat, text, sizeof(text) - 1, 0) <= 0 ||
			sscanf(text, "%*u %llu", &delay) != 1)
			abort();
		reading.accounted += delay;
		reading.wall = now(CLOCK_MONOTONIC);
	} while (reading.wall - begin > READING_NS);
	return reading;
}

static void *keep_time(void *unused)
{
	int schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	struct reading last = read_clocks(schedstat);

	(void)unused;
	for (;;) {
		struct reading reading;
		uint64_t wall, accounted, stopped;

		compute(WINDOW_NS);
		reading = read_clocks(schedstat);
		wall = reading.wall - last.wall;
		accounted = reading.accounted - last.accounted;
		stopped = wall > accounted ? wall - accounted : 0;
		if (stopped > longest_ns)
			longest_ns = stopped;
		if (stopped >= STOP_NS)
			stops++;
		windows++;
		last = reading;
	}
	return NULL;
}

/* --- the server ---------------------------------------------------------------------------------
 */

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
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 64))
		abort();
	return fd;
}

static int ticks(void)
{
	const struct itimerspec period = {
		.it_value.tv_nsec = PERIOD_NS, .it_interval.tv_nsec = PERIOD_NS};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	timerfd_settime(fd, 0, &period, NULL);
	return fd;
}

static int end_signal(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void answer(int listener)
{
	int fd = accept(listener, NULL, NULL);

	if (fd >= 0 && write(fd, "pong", 4) == 4)
		shutdown(fd, SHUT_WR);
	close(fd);
}

static void stall(int timer)
{
	const struct timespec pause = {.tv_nsec = STALL_NS};
	uint64_t expirations;

	if (read(timer, &expirations, sizeof(expirations)) != sizeof(expirations))
		abort();
	compute(STALL_NS);
	nanosleep(&pause, NULL);
}

int main(int argc, char **argv)
{
	int loop = epoll_create1(EPOLL_CLOEXEC), listener = listen_on(atoi(argv[1]));
	int timer = ticks(), end = end_signal();
	struct epoll_event event;
	pthread_t clock;

	add(loop, listener);
	add(loop, timer);
	add(loop, end);
	if (argc > 2 && strcmp(argv[2], "clock") == 0)
		pthread_create(&clock, NULL, keep_time, NULL);
	for (;;) {
		if (epoll_wait(loop, &event, 1, -1) != 1)
			continue;
		if (event.data.fd == end)
			break;
		if (event.data.fd == listener)
			answer(listener);
		else
			stall(timer);
	}
	printf("%llu %llu %llu\n", (unsigned long long)longest_ns, (unsigned long long)windows,
		(unsigned long long)stops);
	fflush(stdout);
	_exit(0);
}
