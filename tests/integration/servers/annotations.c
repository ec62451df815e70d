/* SPDX-License-Identifier: Apache-2.0 */
/*
 * annotations.c - annotations in cases that an example does not show. Prints what it did, which is
 * what the recording has to say.
 *
 *     annotations CASE
 *       counts     a pool with holds, waits, two connections that stay held, and mistakes; prints
 *                  the nanoseconds in which all of it happened but the last wait
 *       many       more pools, and more connections held, than Holter has room for
 *       fork       a parent with connections and its child, which has a loop each
 *       threads    threads without a loop share a pool in a process that listens
 *       silent     the same in one that does not listen
 *       polls      polls inside annotated waits, and inside turns
 *       taken      an epoll loop whose program then says when it waits
 *       crowd      more loops than Holter has room for
 *       filtered   everything again, under a filter that kills for any call but write and exit
 *       left       a loop that is left, and work after it
 *       mistakes   ends without beginnings; errno
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "holter/holter.h"

static void pause_ms(long milliseconds)
{
	struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};

	nanosleep(&time, NULL);
}

/* One turn of an annotated loop, with a wait before it. */
static void turn(long milliseconds)
{
	holter_loop_wait_begin();
	pause_ms(1);
	holter_loop_wait_end();
	pause_ms(milliseconds);
}

/* Whatever tells connections apart. */
static const void *connection(uintptr_t number)
{
	return (const void *)number; /* NOLINT(performance-no-int-to-ptr) */
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void counts(void)
{
	struct holter_pool *pool = holter_pool_new("counted", 2);
	uint64_t begin, other, began;

	turn(0);
	began = now_ns();
	for (uintptr_t i = 1; i <= 1000; i++) {
		holter_pool_acquired(pool, connection(i));
		holter_pool_released(pool, connection(i));
	}
	holter_pool_resize(pool, 7);
	for (uintptr_t i = 1; i <= 6; i++)
		holter_pool_acquired(pool, connection(i));
	begin = holter_pool_wait_begin(pool);
	other = holter_pool_wait_begin(pool);
	pause_ms(250);
	holter_pool_wait_end(pool, begin);
	holter_pool_wait_end(pool, other);
	holter_pool_wait_end(pool, 0);
	holter_pool_wait_end(pool, begin);
	for (uintptr_t i = 1; i <= 4; i++)
		holter_pool_released(pool, connection(i));
	holter_pool_released(pool, connection(1));
	holter_pool_released(pool, connection(4711));
	holter_pool_acquired(pool, NULL);
	holter_pool_released(pool, NULL);
	printf("%llu\n", (unsigned long long)(now_ns() - began));
	holter_pool_wait_begin(pool);
	turn(0);
	holter_loop_wait_begin();
	pause_ms(1200);
}

static void many(void)
{
	struct holter_pool *pool = NULL;

	turn(0);
	for (int i = 0; i < 40; i++) {
		struct holter_pool *next = holter_pool_new("one of many", 0);

		pool = next ? next : pool;
	}
	for (uintptr_t i = 1; i <= 300; i++)
		holter_pool_acquired(pool, connection(i));
	for (uintptr_t i = 1; i <= 300; i++)
		holter_pool_released(pool, connection(i));
	holter_pool_acquired(pool, connection(1));
	/* Taken back, and others in their place. */
	for (int i = 0; i < 100; i++)
		holter_pool_free(holter_pool_new("none", 1));
	holter_pool_free(pool);
	turn(1100);
	printf("%s\n", holter_pool_new("another", 5) ? "found room" : "no room");
	turn(0);
	holter_loop_wait_begin();
}

static void forks(void)
{
	struct holter_pool *pool = holter_pool_new("shared", 8);
	uint64_t begin;
	pid_t child;

	for (uintptr_t i = 1; i <= 5; i++)
		holter_pool_acquired(pool, connection(i));
	begin = holter_pool_wait_begin(pool);
	turn(0);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		holter_pool_wait_end(pool, begin);
		for (uintptr_t i = 1; i <= 5; i++)
			holter_pool_released(pool, connection(i));
		holter_pool_acquired(pool, connection(6));
		holter_pool_acquired(pool, connection(7));
		turn(0);
	} else {
		holter_pool_acquired(pool, connection(6));
		holter_pool_wait_end(pool, begin);
		turn(0);
		waitpid(child, NULL, 0);
	}
	holter_loop_wait_begin();
}

static void *use(void *pool)
{
	for (uintptr_t i = 0; i < 50; i++) {
		const void *held = connection((uintptr_t)&i);

		holter_pool_acquired(pool, held);
		pause_ms(1);
		holter_pool_released(pool, held);
	}
	return NULL;
}

static void threads(int listens)
{
	struct holter_pool *pool = holter_pool_new("threads", 4);
	pthread_t users[4];

	if (listens && listen(socket(AF_INET, SOCK_STREAM, 0), 1))
		perror("listen");
	for (int i = 0; i < 4; i++)
		pthread_create(&users[i], NULL, use, pool);
	for (int i = 0; i < 4; i++)
		pthread_join(users[i], NULL);
}

static void polls(void)
{
	int ready = eventfd(1, 0), epoll = epoll_create1(0);
	struct pollfd descriptor = {.fd = ready, .events = POLLIN};
	struct epoll_event event = {.events = EPOLLIN};

	epoll_ctl(epoll, EPOLL_CTL_ADD, ready, &event);
	if (listen(socket(AF_INET, SOCK_STREAM, 0), 1))
		perror("listen");
	for (int i = 0; i < 40; i++) {
		holter_loop_wait_begin();
		for (int j = 0; j < 3; j++) {
			poll(&descriptor, 1, 10);
			epoll_wait(epoll, &event, 1, 10);
		}
		holter_loop_wait_end();
		/* Inside the turn: 80 ms in polls that nothing makes ready. */
		for (int j = 0; j < 8 && i % 10 == 9; j++)
			poll(NULL, 0, 5);
		for (int j = 0; j < 8 && i % 10 == 9; j++)
			epoll_wait(epoll, &event, 1, 5), poll(NULL, 0, 5);
	}
	holter_loop_wait_begin();
}

static void taken(void)
{
	int ready = eventfd(1, 0), epoll = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN};

	epoll_ctl(epoll, EPOLL_CTL_ADD, ready, &event);
	for (int i = 0; i < 20; i++)
		epoll_wait(epoll, &event, 1, 1);
	pause_ms(1200);
	for (int i = 0; i < 30; i++) {
		turn(0);
		epoll_wait(epoll, &event, 1, 1);
	}
	holter_loop_wait_begin();
	pause_ms(200);
}

enum { CROWD = 70, CROWD_TURNS = 20 };

static pthread_barrier_t together;

static void *one_of_many(void *unused)
{
	pthread_barrier_wait(&together);
	/* The first waits may come while Holter starts: no loop is registered before it runs. */
	pause_ms(300);
	for (int i = 0; i < CROWD_TURNS; i++)
		turn(1);
	holter_loop_wait_begin();
	pthread_barrier_wait(&together);
	return unused;
}

static void crowd(void)
{
	pthread_t loops[CROWD];

	turn(0);
	holter_loop_wait_begin();
	pthread_barrier_init(&together, NULL, CROWD);
	for (int i = 0; i < CROWD; i++)
		pthread_create(&loops[i], NULL, one_of_many, NULL);
	for (int i = 0; i < CROWD; i++)
		pthread_join(loops[i], NULL);
}

/* Longer than the threshold, without a clock: in strict mode there is none. */
static void spin(void)
{
	for (volatile int i = 0; i < 200000000;)
		i++;
}

__attribute__((noreturn)) static void filtered(void)
{
	struct holter_pool *pool = holter_pool_new("filtered", 1), *other;
	static const char words[] = "nothing was called\n";

	turn(1);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	for (int i = 0; i < 3; i++) {
		holter_loop_wait_begin();
		holter_loop_wait_end();
		spin();
		holter_pool_acquired(pool, pool);
		holter_pool_wait_end(pool, holter_pool_wait_begin(pool));
		holter_pool_released(pool, pool);
		other = holter_pool_new("other", 1);
		holter_pool_free(other);
	}
	holter_loop_wait_begin();
	(void)!write(1, words, sizeof(words) - 1);
	syscall(SYS_exit, 0); /* exit_group is not allowed */
	__builtin_unreachable();
}

static void left(void)
{
	for (int i = 0; i < 20; i++)
		turn(1);
	holter_loop_wait_begin();
	pause_ms(1500);
}

static void mistakes(void)
{
	struct holter_pool *pool = holter_pool_new(NULL, 0);

	holter_loop_wait_end();
	pause_ms(100);
	errno = ERANGE;
	holter_loop_wait_begin();
	holter_loop_wait_begin();
	holter_loop_wait_end();
	pause_ms(40);
	holter_loop_wait_end(); /* moves nothing: the turn lasts 80 ms in all */
	pause_ms(40);
	holter_loop_wait_begin();
	holter_pool_acquired(pool, pool);
	holter_pool_released(pool, pool);
	holter_pool_wait_end(pool, holter_pool_wait_begin(pool));
	holter_pool_resize(pool, 1);
	holter_pool_free(pool);
	holter_pool_free(NULL);
	puts(errno == ERANGE ? "errno is kept" : strerror(errno));
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (strcmp(name, "counts") == 0)
		counts();
	else if (strcmp(name, "many") == 0)
		many();
	else if (strcmp(name, "fork") == 0)
		forks();
	else if (strcmp(name, "threads") == 0)
		threads(1);
	else if (strcmp(name, "silent") == 0)
		threads(0);
	else if (strcmp(name, "polls") == 0)
		polls();
	else if (strcmp(name, "taken") == 0)
		taken();
	else if (strcmp(name, "crowd") == 0)
		crowd();
	else if (strcmp(name, "filtered") == 0)
		filtered();
	else if (strcmp(name, "left") == 0)
		left();
	else if (strcmp(name, "mistakes") == 0)
		mistakes();
	else
		return 2;
	return 0;
}
