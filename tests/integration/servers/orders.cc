/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orders.cc - a C++ server whose time goes by in what the standard library's templates make in its
 * own executable. GET /order settles a ledger (shop::Ledger::settle) for some 120 ms of CPU; every
 * other path is quick. Listens on $PORT.
 *
 * Built without frame pointers; once with debug information, once without.
 */
#include <algorithm>
#include <arpa/inet.h>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace shop
{

class Ledger
{
      public:
	__attribute__((noinline)) long settle(double milliseconds);
};

static double now_ms()
{
	timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* a busy machine is not to blame */
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

long Ledger::settle(double milliseconds)
{
	double end = now_ms() + milliseconds;
	std::vector<std::string> accounts;
	long settled = 0;

	for (unsigned i = 0; i < 2000; i++)
		accounts.push_back("account " + std::to_string(i * 7919 % 2000));
	while (now_ms() < end) {
		std::vector<std::string> sorted = accounts;

		std::sort(sorted.begin(), sorted.end());
		settled += sorted.front() == "account 0";
	}
	return settled;
}

} // namespace shop

namespace
{

void answer(int listener)
{
	static const char response[] =
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";
	int client = accept(listener, nullptr, nullptr);
	char request[1024];
	ssize_t length = client < 0 ? -1 : read(client, request, sizeof(request) - 1);

	if (length > 0) {
		shop::Ledger ledger;

		request[length] = '\0';
		if (std::strncmp(request, "GET /order ", 11) == 0 && ledger.settle(120) == 0)
			std::abort();
		if (write(client, response, sizeof(response) - 1) < 0)
			std::abort();
	}
	if (client >= 0)
		close(client);
}

} // namespace

int main()
{
	const char *port = std::getenv("PORT");
	int listener = socket(AF_INET, SOCK_STREAM, 0), loop = epoll_create1(EPOLL_CLOEXEC), on = 1;
	sockaddr_in address = {};
	epoll_event event = {};

	address.sin_family = AF_INET;
	address.sin_port = htons((uint16_t)std::atoi(port ? port : "0"));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (sockaddr *)&address, sizeof(address)) || listen(listener, 128))
		return EXIT_FAILURE;
	event.events = EPOLLIN;
	epoll_ctl(loop, EPOLL_CTL_ADD, listener, &event);
	for (;;) {
		if (epoll_wait(loop, &event, 1, -1) > 0)
			answer(listener);
	}
}
