/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 01_constructor.c - a library for hazard 1: its constructor starts a thread with an event loop,
 * and waits until that has turned some times. Meanwhile the loader's lock is held.
 */
#include <pthread.h>
#include <semaphore.h>

#include "loop.h"

static sem_t turned;

static void *run(void *unused)
{
	(void)unused;
	loop_warm(loop_open());
	sem_post(&turned);
	return NULL;
}

__attribute__((constructor)) static void start(void)
{
	pthread_t thread;

	sem_init(&turned, 0, 0);
	if (pthread_create(&thread, NULL, run, NULL))
		broken("pthread_create");
	sem_wait(&turned);
	pthread_join(thread, NULL);
}
