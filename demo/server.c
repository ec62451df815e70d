/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.c - the demo's server where there is no node: an epoll loop that answers HTTP, with one
 * fault. The sales report is summed and sorted in one go on the only thread, so that every visitor
 * waits meanwhile. Prints "listening on PORT" and serves until it is killed.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ORDERS = 1000000, ITEMS = 997, EVENTS = 64 };

struct total {
	unsigned item;
	double sum;
};

static int compare_totals(const void *one, const void *other)
{
	double a = ((const struct total *)one)->sum, b = ((const struct total *)other)->sum;

	return (a < b) - (a > b);
}

static unsigned item_of(unsigned order)
{
	char line[64];

	snprintf(line, sizeof(line), "%u;item-%u;%u.50", order, order * 7919u % ITEMS,
		order % 90 + 10);
	return (unsigned)strtoul(strchr(line, '-') + 1, NULL, 10);
}

static double build_sales_report(void)
{
	struct total totals[ITEMS] = {0};
	unsigned order;

	for (order = 0; order < ORDERS; order++) {
		unsigned item = item_of(order);

		totals[item].item = item;
		totals[item].sum += order % 90 + 10.5;
	}
	qsort(totals, ITEMS, sizeof(totals[0]), compare_totals);
	return totals[0].sum;
}

static void answer(int client)
{
	char request[1024], body[64], response[256];
	ssize_t length = read(client, request, sizeof(request) - 1);

	if (length <= 0) {
		close(client);
		return;
	}
	request[length] = '\0';
	if (strncmp(request, "GET /report ", 12) == 0)
		snprintf(body, sizeof(body), "best: %.2f\n", build_sales_report());
	else
		snprintf(body, sizeof(body), "welcome\n");
	length = snprintf(response, sizeof(response),
		"HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
		strlen(body), body);
	if (write(client, response, (size_t)length) != length)
		perror("write");
	close(client);
}

static int listen_somewhere(void)
{
	const char *port = getenv("PORT");
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)(port ? atoi(port) : 0)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) ||
		listen(listener, 128) ||
		getsockname(listener, (struct sockaddr *)&address, &size)) {
		perror("listen");
		exit(1);
	}
	printf("listening on %u\n", ntohs(address.sin_port));
	fflush(stdout);
	return listener;
}

static void watch(int loop, int descriptor)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};

	if (epoll_ctl(loop, EPOLL_CTL_ADD, descriptor, &event))
		perror("epoll_ctl");
}

int main(void)
{
	int listener = listen_somewhere(), loop = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event events[EVENTS];

	watch(loop, listener);
	for (;;) {
		int ready = epoll_wait(loop, events, EVENTS, -1);

		for (int i = 0; i < ready; i++) {
			if (events[i].data.fd == listener)
				watch(loop, accept4(listener, NULL, NULL, SOCK_CLOEXEC));
			else
				answer(events[i].data.fd);
		}
	}
}
