/* SPDX-License-Identifier: Apache-2.0 */
/*
 * visitors.c - so many requests over kept connections, as fast as they are answered or at a fixed
 * rate, and how long the answers took.
 *
 *     visitors redis|http PORT CONNECTIONS REQUESTS [RATE]
 *
 * Without a rate it never sleeps: what a server spends on waking its visitors depends on how deep
 * their CPU sleeps just then, and is not the server's.
 *
 * With a RATE (a second), each request has the time at which it is due, and its latency counts from
 * there, also where no connection was free: a server that stops for a while delays all the requests
 * of that while, and not one for each connection. Prints the median, the 99th and the 99.9th
 * percentile in microseconds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 256, SILENCE_MS = 200, SECOND_NS = 1000000000 };

static const char *request;
static size_t answer_bytes; /* all answers are of one size */
static struct pollfd visitors[CONNECTIONS_MAX];
static uint64_t due_ns[CONNECTIONS_MAX]; /* of the request on the way; 0: none is */
static size_t missing[CONNECTIONS_MAX];  /* bytes of its answer */

__attribute__((noreturn)) static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static void visit(int port, struct pollfd *visitor)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr = {htonl(INADDR_LOOPBACK)}};
	int descriptor = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	if (connect(descriptor, (struct sockaddr *)&address, sizeof(address)))
		fail("connect");
	setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	*visitor = (struct pollfd){.fd = descriptor, .events = POLLIN};
}

static void ask(int descriptor)
{
	if (send(descriptor, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request))
		fail("send");
}

static size_t take(int descriptor)
{
	char answer[4096];
	ssize_t got = recv(descriptor, answer, sizeof(answer), 0);

	if (got <= 0)
		fail("recv");
	return (size_t)got;
}

/* One exchange, until nothing more comes. */
static size_t measure_answer(struct pollfd *visitor)
{
	size_t bytes = 0;

	ask(visitor->fd);
	while (poll(visitor, 1, bytes ? SILENCE_MS : -1) > 0)
		bytes += take(visitor->fd);
	return bytes;
}

/* Sends all that is due and finds a connection. They take turns: a server closes those that rest.
 * Returns how many have been sent by now. */
static size_t send_due(
	size_t connections, size_t sent, size_t requests, uint64_t begin_ns, double rate)
{
	for (size_t first = sent, step = 0; step < connections && sent < requests; step++) {
		size_t i = (first + step) % connections;
		uint64_t now = now_ns(), due = now;

		if (due_ns[i])
			continue;
		if (rate > 0)
			due = begin_ns + (uint64_t)((double)sent / rate * SECOND_NS);
		if (due > now)
			break;
		due_ns[i] = due;
		missing[i] = answer_bytes;
		ask(visitors[i].fd);
		sent++;
	}
	return sent;
}

/* Until then at most; UINT64_MAX: however long it takes. */
static void wait_for_answers(size_t connections, uint64_t until_ns)
{
	uint64_t now = now_ns(), left = until_ns > now ? until_ns - now : 0;
	struct timespec timeout = {(time_t)(left / SECOND_NS), (long)(left % SECOND_NS)};

	if (ppoll(visitors, connections, until_ns == UINT64_MAX ? NULL : &timeout, NULL) < 0 &&
		errno != EINTR)
		fail("ppoll");
}

static void run(size_t connections, size_t requests, double rate, uint64_t *ret_took_ns)
{
	uint64_t begin_ns = now_ns();
	size_t sent = 0, answered = 0;

	while (answered < requests) {
		bool all_busy = true;
		uint64_t until_ns = rate > 0 ? UINT64_MAX : 0;

		sent = send_due(connections, sent, requests, begin_ns, rate);
		for (size_t i = 0; i < connections; i++)
			all_busy = all_busy && due_ns[i];
		if (rate > 0 && !all_busy && sent < requests)
			until_ns = begin_ns + (uint64_t)((double)sent / rate * SECOND_NS);
		wait_for_answers(connections, until_ns);
		for (size_t i = 0; i < connections; i++) {
			if (!visitors[i].revents)
				continue;
			missing[i] -= take(visitors[i].fd);
			if (missing[i])
				continue;
			ret_took_ns[answered++] = now_ns() - due_ns[i];
			due_ns[i] = 0;
		}
	}
}

static int compare(const void *one, const void *other)
{
	uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;

	return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
	const size_t thousandths[] = {500, 990, 999};
	size_t connections, requests;
	uint64_t *took_ns;

	if (argc < 5)
		return 2;
	request = strcmp(argv[1], "redis") == 0 ? "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"
						: "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
	connections = strtoul(argv[3], NULL, 10);
	requests = strtoul(argv[4], NULL, 10);
	took_ns = calloc(requests, sizeof(*took_ns));
	if (!took_ns || connections < 1 || connections > CONNECTIONS_MAX || requests < 1)
		return 2;
	prctl(PR_SET_TIMERSLACK, 1); /* or each wait would end 50 us late */
	visit(atoi(argv[2]), &visitors[0]);
	answer_bytes = measure_answer(&visitors[0]);
	/* Only now: a server closes connections that nothing comes from. */
	for (size_t i = 1; i < connections; i++)
		visit(atoi(argv[2]), &visitors[i]);
	run(connections, requests, argc > 5 ? strtod(argv[5], NULL) : 0, took_ns);
	qsort(took_ns, requests, sizeof(*took_ns), compare);
	for (size_t i = 0; i < sizeof(thousandths) / sizeof(*thousandths); i++) {
		size_t rank = requests * thousandths[i] / 1000;

		printf("%.1f ", (double)took_ns[rank] / 1e3);
	}
	printf("\n");
	free(took_ns);
	return 0;
}
