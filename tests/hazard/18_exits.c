/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 18_exits.c - hazard 18: a process or a thread that ends while it is being sampled. A signal that
 * arrives late must find its handler, and nothing that Holter does at the end may crash, hang or
 * change the status, which is always 7.
 *
 *     18_exits MANNER      how to end; see `manners`
 *     18_exits unload LIBRARY      load and unload LIBRARY again and again, then end
 */
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "loop.h"

enum { STATUS = 7, STALL_MS = 30, THREADS = 40, LOADS = 50 };

static int loop;

static void stall(void)
{
	burn_ms(STALL_MS);
}

static int by_return(void)
{
	stall();
	return STATUS;
}

static int by_exit(void)
{
	stall();
	exit(STATUS);
}

static int by_underscore_exit(void)
{
	stall();
	_exit(STATUS);
}

static int by_quick_exit(void)
{
	stall();
	quick_exit(STATUS);
}

/* The end itself is a stall: handlers that burn, a turn that never ends. */
static int by_slow_handlers(void)
{
	atexit(stall);
	atexit(stall);
	return STATUS;
}

static void *exit_from_aside(void *unused)
{
	(void)unused;
	usleep(STALL_MS * 700);
	exit(STATUS);
}

/* Another thread ends the process in the middle of the loop's stall. */
__attribute__((noreturn)) static int by_other_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, exit_from_aside, NULL);
	for (;;)
		stall();
}

/* The loop's thread goes, the process stays a while. */
static int by_pthread_exit(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, exit_from_aside, NULL);
	stall();
	pthread_exit(NULL);
}

static void *short_life(void *unused)
{
	int own = loop_open();

	(void)unused;
	loop_warm(own);
	stall(); /* and ends in it: the next signal may find nobody, or somebody new under its
		    number */
	close(own);
	return NULL;
}

static int by_threads(void)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++) {
		pthread_create(&threads[i], NULL, short_life, NULL);
		usleep(2000);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return STATUS;
}

/* Replaces the process by one that ends at once: what was pending must not kill it. */
static int by_exec(void)
{
	stall();
	execl("/bin/sh", "sh", "-c", "exit 7", (char *)NULL);
	return 1;
}

static int by_unload(const char *library)
{
	for (int i = 0; i < LOADS; i++) {
		void *handle = dlopen(library, RTLD_NOW);

		if (!handle)
			broken("%s", dlerror());
		loop_turn(loop);
		stall();
		dlclose(handle);
		stall();
		loop_turn(loop);
	}
	return STATUS;
}

static const struct manner {
	const char *name;
	int (*end)(void);
} manners[] = {
	{"return", by_return},
	{"exit", by_exit},
	{"_exit", by_underscore_exit},
	{"quick_exit", by_quick_exit},
	{"slow-handlers", by_slow_handlers},
	{"other-thread", by_other_thread},
	{"pthread_exit", by_pthread_exit},
	{"threads", by_threads},
	{"exec", by_exec},
};

int main(int argc, char **argv)
{
	serve();
	loop = loop_open();
	loop_warm(loop);
	for (size_t i = 0; argc == 2 && i < sizeof(manners) / sizeof(manners[0]); i++)
		if (strcmp(argv[1], manners[i].name) == 0)
			return manners[i].end();
	if (argc == 3 && strcmp(argv[1], "unload") == 0)
		return by_unload(argv[2]);
	broken("usage: 18_exits MANNER | 18_exits unload LIBRARY");
}
