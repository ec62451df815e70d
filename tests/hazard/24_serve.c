/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 24_serve.c - hazard 24: a server that asks nothing of its environment: it accepts connections of
 * its own and echoes, with a stall in every turn. Ends with 0 when all were served; it prints
 * nothing, since it may have nowhere to print to.
 */
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "loop.h"

enum { TURNS = 4, STALL_MS = 15 };
enum { NOT_SERVED = 3 };

static int must(int result)
{
	if (result < 0)
		_exit(NOT_SERVED);
	return result;
}

static void echo_once(int loop, int listener, const struct sockaddr_in *address)
{
	int client = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), server;
	struct epoll_event event;
	char bytes[4] = "";

	must(connect(client, (const struct sockaddr *)address, sizeof(*address)));
	if (must(epoll_wait(loop, &event, 1, 5000)) != 1)
		_exit(NOT_SERVED);
	server = must(accept(listener, NULL, NULL));
	must((int)send(client, "echo", 4, 0));
	must((int)recv(server, bytes, sizeof(bytes), MSG_WAITALL));
	must((int)send(server, bytes, sizeof(bytes), 0));
	memset(bytes, 0, sizeof(bytes));
	must((int)recv(client, bytes, sizeof(bytes), MSG_WAITALL));
	if (memcmp(bytes, "echo", 4) != 0)
		_exit(NOT_SERVED);
	close(client);
	close(server);
}

int main(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t length = sizeof(address);
	int loop = must(epoll_create1(EPOLL_CLOEXEC));
	int listener = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

	must(bind(listener, (struct sockaddr *)&address, length));
	must(getsockname(listener, (struct sockaddr *)&address, &length));
	must(listen(listener, 5));
	must(epoll_ctl(loop, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN}));
	for (int i = 0; i < TURNS; i++) {
		echo_once(loop, listener, &address);
		burn_ms(STALL_MS);
	}
	return 0;
}
