/* SPDX-License-Identifier: Apache-2.0 */
/*
 * annotated.c - an example of include/holter/holter.h: workers that wait for jobs on a condition
 * variable, which from outside is like any other lock, and share two connections, which from
 * outside are nothing at all. Build it with any compiler: nothing is linked but threads.
 *
 *     annotated JOBS          prints how many jobs were done
 *     annotated JOBS slow     ...every twentieth of which takes 120 ms to compute
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "holter/holter.h"

enum { WORKERS = 3, CONNECTIONS = 2, NO_MORE = -1 };

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void pause_ms(long milliseconds)
{
	struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};

	nanosleep(&time, NULL);
}

/* A queue of jobs: how many are waiting, and which comes next. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int next, end;
	bool closed;
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* Blocks until there is a job. Returns NO_MORE when there will be none. */
static int queue_pop(void)
{
	int job;

	pthread_mutex_lock(&queue.lock);
	while (queue.next == queue.end && !queue.closed)
		pthread_cond_wait(&queue.changed, &queue.lock);
	job = queue.next < queue.end ? queue.next++ : NO_MORE;
	pthread_mutex_unlock(&queue.lock);
	return job;
}

static void queue_push(void)
{
	pthread_mutex_lock(&queue.lock);
	queue.end++;
	pthread_cond_signal(&queue.changed);
	pthread_mutex_unlock(&queue.lock);
}

static void queue_close(void)
{
	pthread_mutex_lock(&queue.lock);
	queue.closed = true;
	pthread_cond_broadcast(&queue.changed);
	pthread_mutex_unlock(&queue.lock);
}

struct connection {
	bool busy;
	unsigned queries;
};

/* A pool of connections. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct connection connections[CONNECTIONS];
	struct holter_pool *holter;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static struct connection *idle_connection(void)
{
	for (int i = 0; i < CONNECTIONS; i++)
		if (!pool.connections[i].busy)
			return &pool.connections[i];
	return NULL;
}

static struct connection *pool_acquire(void)
{
	struct connection *connection;

	pthread_mutex_lock(&pool.lock);
	connection = idle_connection();
	if (!connection) {
		uint64_t begin = holter_pool_wait_begin(pool.holter);

		while (!(connection = idle_connection()))
			pthread_cond_wait(&pool.changed, &pool.lock);
		holter_pool_wait_end(pool.holter, begin);
	}
	connection->busy = true;
	holter_pool_acquired(pool.holter, connection);
	pthread_mutex_unlock(&pool.lock);
	return connection;
}

static void pool_release(struct connection *connection)
{
	pthread_mutex_lock(&pool.lock);
	holter_pool_released(pool.holter, connection);
	connection->busy = false;
	pthread_cond_signal(&pool.changed);
	pthread_mutex_unlock(&pool.lock);
}

/* The culprit: it computes while the worker's other jobs wait. */
__attribute__((noinline)) static double render_report(int job)
{
	uint64_t end = now_ms() + 120;
	double sum = job;

	while (now_ms() < end)
		for (int i = 1; i < 20000; i++)
			sum += 1 / (sum + i);
	return sum;
}

static void work_on(int job, bool slow)
{
	struct connection *connection = pool_acquire();

	connection->queries++;
	pause_ms(1); /* the query */
	pool_release(connection);
	if (slow && job % 20 == 19 && render_report(job) < 0)
		puts("impossible");
}

static void *work(void *slow)
{
	for (;;) {
		int job;

		holter_loop_wait_begin();
		job = queue_pop();
		if (job == NO_MORE)
			return NULL; /* out of the loop, whose last turn has ended */
		holter_loop_wait_end();
		work_on(job, slow != NULL);
	}
}

int main(int argc, char **argv)
{
	bool slow = argc > 2 && strcmp(argv[2], "slow") == 0;
	int jobs = argc > 1 ? atoi(argv[1]) : 100;
	pthread_t workers[WORKERS];
	unsigned queries = 0;

	pool.holter = holter_pool_new("example", CONNECTIONS);
	for (int i = 0; i < WORKERS; i++)
		if (pthread_create(&workers[i], NULL, work, slow ? &slow : NULL) != 0)
			return 1;
	for (int i = 0; i < jobs; i++) {
		queue_push();
		pause_ms(10);
	}
	queue_close();
	for (int i = 0; i < WORKERS; i++)
		pthread_join(workers[i], NULL);
	holter_pool_free(pool.holter);
	for (int i = 0; i < CONNECTIONS; i++)
		queries += pool.connections[i].queries;
	printf("%u jobs done\n", queries);
	return 0;
}
