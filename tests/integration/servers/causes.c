/* SPDX-License-Identifier: Apache-2.0 */
/*
 * causes.c - a server whose every path holds its loop for another reason, about 150 ms each:
 *
 *     /burn      computes, for 120 ms of the thread's own CPU time
 *     /work      the same for 20 ms, which is no stall on a CPU of its own
 *     /lock      waits for a mutex that another thread ("holder") keeps
 *     /pipe      reads a pipe into which that thread writes late
 *     /peer      receives from $PEER, a port of this host, which answers late
 *     /fault     touches memory that a page fault handler (userfaultfd) brings late
 *     /many      makes 200 connections of its own ready at once; each costs 1 ms when its turn
 * comes /one       the same, but a single one costs 200 ms, and the others nothing
 *
 * Every other path is quick. Listens on $PORT. Built without frame pointers.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { LATE_MS = 150, BURN_MS = 120, WORK_MS = 20, MANY = 200, EVENTS = 512, PAGE_BYTES = 4096 };

struct connection {
	int fd, peer; /* peer: -1, or the other end of a connection of our own */
	int cost_ms;
};

static volatile unsigned long burnt;
static int loop, late_pipe[2], faults = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sem_t wanted, locked;
static struct connection ours[MANY];

static void sleep_late(void)
{
	struct timespec time = {.tv_nsec = LATE_MS * 1000000L};

	nanosleep(&time, NULL);
}

/* Reads its clock itself: a quota runs out while the kernel brings that up to date, and so the
 * thread mostly stands there. */
static void burn(double milliseconds)
{
	struct timespec now;
	double end = 0, at;

	do {
		for (int i = 0; i < 50000; i++)
			burnt++;
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
		at = (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
		end = end > 0 ? end : at + milliseconds;
	} while (at < end);
}

/* Does late what the loop waits for: keeps the mutex, and then writes the byte. */
static void *hold(void *unused)
{
	for (;;) {
		sem_wait(&wanted);
		pthread_mutex_lock(&lock);
		sem_post(&locked);
		sleep_late();
		pthread_mutex_unlock(&lock);
		if (write(late_pipe[1], "x", 1) != 1)
			return unused;
	}
}

static void *serve_faults(void *unused)
{
	static char zeros[PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));
	struct uffd_msg message;

	while (read(faults, &message, sizeof(message)) == sizeof(message)) {
		struct uffdio_copy copy = {
			.dst = message.arg.pagefault.address & ~(PAGE_BYTES - 1ULL),
			.src = (unsigned long)zeros,
			.len = PAGE_BYTES,
		};

		sleep_late();
		ioctl(faults, UFFDIO_COPY, &copy);
	}
	return unused;
}

/* Returns -1 where this user may not handle page faults. */
static int open_faults(void)
{
	struct uffdio_api api = {.api = UFFD_API};
	pthread_t thread;

	faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (faults < 0 || ioctl(faults, UFFDIO_API, &api))
		return -1;
	return pthread_create(&thread, NULL, serve_faults, NULL);
}

__attribute__((noinline)) static void wait_for_lock(void)
{
	char byte;

	sem_post(&wanted);
	sem_wait(&locked);
	pthread_mutex_lock(&lock);
	pthread_mutex_unlock(&lock);
	if (read(late_pipe[0], &byte, 1) == 1)
		burnt++;
}

__attribute__((noinline)) static void read_late_pipe(void)
{
	char byte;

	sem_post(&wanted);
	sem_wait(&locked);
	if (read(late_pipe[0], &byte, 1) == 1)
		burnt++;
}

__attribute__((noinline)) static void ask_peer(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(getenv("PEER"))),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int peer = socket(AF_INET, SOCK_STREAM, 0);
	char byte;

	if (connect(peer, (struct sockaddr *)&address, sizeof(address)) ||
		recv(peer, &byte, 1, 0) < 0)
		perror("peer");
	close(peer);
}

__attribute__((noinline)) static void touch_memory(void)
{
	char *page =
		mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_register range = {
		.range = {.start = (unsigned long)page, .len = PAGE_BYTES},
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	if (ioctl(faults, UFFDIO_REGISTER, &range))
		perror("userfaultfd");
	burnt += (unsigned long)*(volatile char *)page;
	munmap(page, PAGE_BYTES);
}

static void add(struct connection *connection)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};

	epoll_ctl(loop, EPOLL_CTL_ADD, connection->fd, &event);
}

static void open_ours(void)
{
	for (int i = 0; i < MANY; i++) {
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
			exit(1);
		ours[i] = (struct connection){.fd = pair[0], .peer = pair[1]};
		add(&ours[i]);
	}
}

static void make_ready(int each_ms, int first_ms)
{
	for (int i = 0; i < MANY; i++) {
		ours[i].cost_ms = i == MANY / 2 ? first_ms : each_ms;
		if (write(ours[i].peer, "x", 1) != 1)
			perror("write");
	}
}

__attribute__((noinline)) static void handle_ours(struct connection *connection)
{
	char byte;

	if (read(connection->fd, &byte, 1) == 1 && connection->cost_ms)
		burn(connection->cost_ms);
}

static int asks(const char *request, const char *path)
{
	size_t length = strlen(path);

	return !strncmp(request + 4, path, length) && request[4 + length] == ' ';
}

static void answer(int listener)
{
	static const char response[] =
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";
	int client = accept(listener, NULL, NULL);
	char request[1024] = "";
	ssize_t length = client < 0 ? -1 : read(client, request, sizeof(request) - 1);

	if (length > 0) {
		if (asks(request, "/burn"))
			burn(BURN_MS);
		if (asks(request, "/work"))
			burn(WORK_MS);
		if (asks(request, "/lock"))
			wait_for_lock();
		if (asks(request, "/pipe"))
			read_late_pipe();
		if (asks(request, "/peer"))
			ask_peer();
		if (asks(request, "/fault"))
			touch_memory();
		if (asks(request, "/many"))
			make_ready(1, 1);
		if (asks(request, "/one"))
			make_ready(0, MANY);
		if (write(client, response, sizeof(response) - 1) < 0)
			perror("write");
	}
	if (client >= 0)
		close(client);
}

int main(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(getenv("PORT") ? getenv("PORT") : "0")),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct connection listener = {.fd = socket(AF_INET, SOCK_STREAM, 0), .peer = -1};
	struct epoll_event events[EVENTS];
	pthread_t thread;
	int on = 1;

	loop = epoll_create1(EPOLL_CLOEXEC);
	setsockopt(listener.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	sem_init(&wanted, 0, 0);
	sem_init(&locked, 0, 0);
	if (pipe(late_pipe) || pthread_create(&thread, NULL, hold, NULL) ||
		bind(listener.fd, (struct sockaddr *)&address, sizeof(address)) ||
		listen(listener.fd, 128)) {
		perror("causes");
		return 1;
	}
	pthread_setname_np(thread, "holder");
	if (open_faults())
		puts("no userfaultfd");
	fflush(stdout);
	open_ours();
	add(&listener);
	for (;;) {
		int count = epoll_wait(loop, events, EVENTS, 1000);

		for (int i = 0; i < count; i++) {
			struct connection *ready = events[i].data.ptr;

			if (ready == &listener)
				answer(ready->fd);
			else
				handle_ours(ready);
		}
	}
}
