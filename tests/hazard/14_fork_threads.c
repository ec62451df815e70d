/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 14_fork_threads.c - hazard 14: threads that fork at the same time, in a process whose mappings
 * take the kernel longer to copy than a fork waits for Holter. The C library runs their handlers
 * side by side. Then the loop stalls alone.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop.h"

enum {
	THREADS = 4,
	MAPPINGS = 14000,
	FORK_MS = 3000,
	ALONE_MS = 1500,
	STALL_MS = 100,
	PAGE = 4096
};

static atomic_bool done;

static void fork_once(void)
{
	pid_t child = fork();
	int status = 0;

	if (child == 0)
		_exit(0);
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		broken("a child ended with %#x", (unsigned)status);
}

static void *fork_on(void *unused)
{
	(void)unused;
	while (!done)
		fork_once();
	return NULL;
}

static void stall_for(int loop, double duration_ms)
{
	for (double end = now_ms() + duration_ms; now_ms() < end;) {
		burn_ms(STALL_MS);
		loop_turn(loop);
	}
}

int main(void)
{
	pthread_t threads[THREADS];
	int loop = loop_open();

	serve();
	loop_warm(loop);
	/* Neighbours of different protection are not joined. */
	for (int i = 0; i < MAPPINGS; i++) {
		if (mmap(NULL, PAGE, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
			broken("no memory");
	}
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, fork_on, NULL);
	stall_for(loop, FORK_MS);
	done = true;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	stall_for(loop, ALONE_MS);
	return 0;
}
