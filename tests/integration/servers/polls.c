/* SPDX-License-Identifier: Apache-2.0 */
/*
 * polls.c - a server whose loop waits by the call that is named on the command line, poll or
 * select, on its listening socket and on each connection. The set grows and shrinks with the
 * visitors. Within a turn, as client libraries do, it waits by the same call again
 * (ask_on_purpose):
 *
 *     GET /ask      for an answer that does not come, 120 ms
 *     GET /pieces   for one that comes in 50 pieces, 4 ms each
 *     GET /again    not; it replaces each descriptor of its set by another
 *
 * Every other path is quick. Listens on $PORT. Built without frame pointers.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

enum { VISITORS_MAX = 200, ASK_MS = 120, PIECES = 50, PIECE_MS = 4 };

static bool by_select;
static struct pollfd set[1 + VISITORS_MAX]; /* the first one listens */
static size_t count;
static int answers[2]; /* a pipe that nothing is written to */

static int wait_by_select(struct pollfd *entries, size_t length, int timeout_ms)
{
	struct timeval timeout = {.tv_usec = timeout_ms * 1000L};
	fd_set ready;
	int most = 0, result;

	FD_ZERO(&ready);
	for (size_t i = 0; i < length; i++) {
		FD_SET(entries[i].fd, &ready);
		most = entries[i].fd > most ? entries[i].fd : most;
	}
	result = select(most + 1, &ready, NULL, NULL, timeout_ms < 0 ? NULL : &timeout);
	for (size_t i = 0; i < length; i++)
		entries[i].revents = result > 0 && FD_ISSET(entries[i].fd, &ready) ? POLLIN : 0;
	return result;
}

static int wait_for(struct pollfd *entries, size_t length, int timeout_ms)
{
	return by_select ? wait_by_select(entries, length, timeout_ms)
			 : poll(entries, length, timeout_ms);
}

__attribute__((noinline)) static void ask_on_purpose(int pieces, int piece_ms)
{
	for (int i = 0; i < pieces; i++) {
		struct pollfd entry = {.fd = answers[0], .events = POLLIN};
		struct timeval timeout = {.tv_usec = piece_ms * 1000L};
		fd_set ready;

		FD_ZERO(&ready);
		FD_SET(entry.fd, &ready);
		if (by_select ? select(entry.fd + 1, &ready, NULL, NULL, &timeout)
			      : poll(&entry, 1, piece_ms))
			perror("an answer"); /* the test looks for it: nothing may interrupt it */
	}
}

static int listen_on_port(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(getenv("PORT") ? getenv("PORT") : "0")),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 128)) {
		perror("listen");
		exit(1);
	}
	return listener;
}

static void replace_all(void)
{
	int listener = listen_on_port();

	for (size_t i = 0; i < count; i++)
		close(set[i].fd);
	set[0].fd = listener;
	count = 1;
}

/* Returns whether everything was replaced. */
static bool answer(int visitor)
{
	static const char response[] =
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";
	char request[1024];
	ssize_t length = read(visitor, request, sizeof(request) - 1);

	if (length <= 0)
		return false;
	request[length] = '\0';
	if (strncmp(request, "GET /ask ", 9) == 0)
		ask_on_purpose(1, ASK_MS);
	if (strncmp(request, "GET /pieces ", 12) == 0)
		ask_on_purpose(PIECES, PIECE_MS);
	if (write(visitor, response, sizeof(response) - 1) < 0)
		perror("write");
	if (strncmp(request, "GET /again ", 11) != 0)
		return false;
	replace_all();
	return true;
}

static void turn(void)
{
	bool someone = set[0].revents && count <= VISITORS_MAX;

	for (size_t i = count - 1; i > 0; i--) {
		if (!set[i].revents)
			continue;
		if (answer(set[i].fd))
			return;
		close(set[i].fd);
		set[i] = set[--count];
	}
	if (someone) {
		int visitor = accept(set[0].fd, NULL, NULL);

		if (visitor >= 0)
			set[count++] = (struct pollfd){.fd = visitor, .events = POLLIN};
	}
}

int main(int argc, char **argv)
{
	by_select = argc > 1 && strcmp(argv[1], "select") == 0;
	set[0] = (struct pollfd){.fd = listen_on_port(), .events = POLLIN};
	count = 1;
	if (pipe(answers))
		return 1;
	for (;;)
		if (wait_for(set, count, -1) > 0)
			turn();
}
