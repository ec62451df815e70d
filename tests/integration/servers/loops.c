/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loops.c - a server whose loop waits by the call that is named first on the command line: epoll,
 * poll or select. GET /slow burns the CPU for 120 ms (burn_on_purpose), GET /sleep sleeps as long
 * (sleep_on_purpose), GET /hang never answers (hang_on_purpose); every other path is quick. Listens
 * on $PORT. The second word is its shape:
 *
 *     fork      a child serves that was forked after listening, without exec
 *     daemon    leaves its session and its parent before it listens
 *     threads   a second thread has a loop of its own, on the port after $PORT
 *     dark      listens, and never waits
 *     drops     becomes user 65534 before it listens
 *
 * Built without frame pointers.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BURN_MS = 120, NOBODY = 65534 };

static volatile unsigned long burnt;

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* a busy machine is not to blame */
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

__attribute__((noinline)) static void burn_on_purpose(void)
{
	double end = now_ms() + BURN_MS;

	do {
		for (int i = 0; i < 100000; i++)
			burnt++;
	} while (now_ms() < end);
}

__attribute__((noinline)) static void sleep_on_purpose(void)
{
	struct timespec time = {.tv_nsec = BURN_MS * 1000000L};

	if (nanosleep(&time, NULL))
		perror("nanosleep"); /* the test looks for it: nothing may interrupt it */
	burnt++;                     /* keeps the call above from becoming a jump */
}

__attribute__((noinline)) static void hang_on_purpose(void)
{
	for (;;)
		burnt++;
}

static void answer(int listener)
{
	static const char response[] =
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";
	int client = accept(listener, NULL, NULL);
	char request[1024];
	ssize_t length = client < 0 ? -1 : read(client, request, sizeof(request) - 1);

	if (length > 0) {
		request[length] = '\0';
		if (strncmp(request, "GET /slow ", 10) == 0)
			burn_on_purpose();
		if (strncmp(request, "GET /sleep ", 11) == 0)
			sleep_on_purpose();
		if (strncmp(request, "GET /hang ", 10) == 0)
			hang_on_purpose();
		if (write(client, response, sizeof(response) - 1) < 0)
			perror("write");
	}
	if (client >= 0)
		close(client);
}

static bool wait_epoll(int listener)
{
	static _Thread_local int loop = -1;
	struct epoll_event event = {.events = EPOLLIN};

	if (loop < 0) {
		loop = epoll_create1(EPOLL_CLOEXEC);
		epoll_ctl(loop, EPOLL_CTL_ADD, listener, &event);
	}
	return epoll_wait(loop, &event, 1, -1) > 0;
}

static bool wait_poll(int listener)
{
	struct pollfd descriptor = {.fd = listener, .events = POLLIN};

	return poll(&descriptor, 1, -1) > 0;
}

static bool wait_select(int listener)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(listener, &set);
	return select(listener + 1, &set, NULL, NULL, NULL) > 0;
}

static bool (*wait_once)(int) = wait_epoll;

static int listen_on(int port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 128)) {
		perror("listen");
		exit(1);
	}
	return listener;
}

static void *serve(void *listener)
{
	for (;;)
		if (wait_once(*(int *)listener))
			answer(*(int *)listener);
	return NULL;
}

static void become_daemon(void)
{
	if (fork() > 0)
		_exit(0);
	setsid();
	if (fork() > 0)
		_exit(0);
}

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "epoll", *shape = argc > 2 ? argv[2] : "";
	int port = atoi(getenv("PORT") ? getenv("PORT") : "0"), listener, second;
	pthread_t thread;

	if (strcmp(kind, "poll") == 0)
		wait_once = wait_poll;
	if (strcmp(kind, "select") == 0)
		wait_once = wait_select;
	if (strcmp(shape, "daemon") == 0)
		become_daemon();
	if (strcmp(shape, "drops") == 0 && setuid(NOBODY))
		return 1;
	listener = listen_on(port);
	if (strcmp(shape, "fork") == 0 && fork() > 0)
		return wait(NULL) < 0;
	if (strcmp(shape, "dark") == 0)
		return pause();
	if (strcmp(shape, "threads") == 0) {
		second = listen_on(port + 1);
		pthread_create(&thread, NULL, serve, &second);
		pthread_setname_np(thread, "second");
	}
	serve(&listener);
}
