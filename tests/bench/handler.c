/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handler.c - what one sample costs the thread that is sampled: the sampler's own figure
 * (sampled.took_ns) for a thread that runs with a stack of 10 KB. Prints median and 99th percentile
 * of two series, in nanoseconds.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "sampler.h"

enum { SAMPLES = 4000, STACK_BYTES = 10 * 1024, FRAME_BYTES = 512 };

static struct sample_target target;
static atomic_bool running, done;

__attribute__((noinline)) static void spin_deep(int depth)
{
	volatile char frame[FRAME_BYTES] = {0};

	frame[0] = (char)depth;
	if (depth > 0) {
		spin_deep(depth - 1);
	} else {
		running = true;
		while (!done)
			frame[1] = (char)(frame[1] + 1);
	}
	frame[0] = frame[1];
}

static void *run(void *unused)
{
	uint64_t here = (uint64_t)(uintptr_t)__builtin_frame_address(0);

	(void)unused;
	target.tid = (uint32_t)syscall(SYS_gettid);
	/* As a mapping of the stack would say; what lies between here and the frames below is
	 * copied. */
	target.stack_end = here + 256;
	target.stack_start = here - (1 << 20);
	target.stack_is_own = true;
	sampler_admit_thread();
	spin_deep(STACK_BYTES / (FRAME_BYTES + 32));
	return NULL;
}

static int compare(const void *one, const void *other)
{
	uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;

	return (a > b) - (a < b);
}

static void series(const char *name)
{
	static uint64_t took[SAMPLES];
	const struct timespec pause = {.tv_nsec = 200000};
	size_t count = 0, bytes = 0;

	while (count < SAMPLES) {
		struct sampled sampled;

		nanosleep(&pause, NULL);
		if (sampler_take(&target, &sampled) != SAMPLE_TAKEN || sampled.in_place)
			continue;
		bytes = sampled.sample.length;
		took[count++] = sampled.took_ns;
	}
	qsort(took, SAMPLES, sizeof(took[0]), compare);
	printf("%s %llu %llu %zu\n", name, (unsigned long long)took[SAMPLES / 2],
		(unsigned long long)took[SAMPLES * 99 / 100], bytes);
}

int main(void)
{
	const struct timespec settle = {.tv_nsec = 100000000};
	pthread_t spinning;

	clock_calibrate();
	nanosleep(&settle, NULL);
	clock_calibrate();
	sampler_open(false);
	pthread_create(&spinning, NULL, run, NULL);
	while (!running)
		;
	series("A");
	series("A2");
	done = true;
	pthread_join(spinning, NULL);
	return 0;
}
