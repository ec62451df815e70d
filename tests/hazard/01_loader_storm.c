/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 01_loader_storm.c - hazard 1: one loop thread loads and unloads libraries in stalls, another
 * allocates and frees, and both are sampled meanwhile. A handler that takes a lock of the loader's
 * or of the heap's stands still for ever; the main thread watches for that.
 *
 *     01_loader_storm SECONDS            under Holter
 *     01_loader_storm SECONDS wrong      the control: this program's own handler unwinds in place
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "loop.h"
#include "wrong_unwinder.h"

enum { STALL_MS = 60, STUCK_MS = 5000 };

static atomic_ulong loaded, allocated;

__attribute__((noreturn)) static void *load_and_unload(void *unused)
{
	static const char *const libraries[] = {"libz.so.1", "liblzma.so.5"};
	int loop = loop_open();

	(void)unused;
	loop_warm(loop);
	for (;;) {
		double end = now_ms() + STALL_MS;

		while (now_ms() < end) {
			void *library = dlopen(libraries[loaded % 2], RTLD_NOW);

			if (library)
				dlclose(library);
			loaded++;
		}
		loop_turn(loop);
	}
}

__attribute__((noreturn)) static void *allocate_and_free(void *unused)
{
	int loop = loop_open();

	(void)unused;
	loop_warm(loop);
	for (;;) {
		double end = now_ms() + STALL_MS;

		while (now_ms() < end) {
			char *block = malloc(100 + allocated % 100000);

			if (block)
				*(volatile char *)block = 1;
			free(block);
			allocated++;
		}
		loop_turn(loop);
	}
}

static void expect_progress(
	double *last_ms, unsigned long *last, unsigned long now, const char *what)
{
	if (now != *last) {
		*last = now;
		*last_ms = now_ms();
	} else if (now_ms() - *last_ms > STUCK_MS) {
		broken("deadlock: no %s for %d ms", what, STUCK_MS);
	}
}

int main(int argc, char **argv)
{
	double end = now_ms() + 1e3 * (argc > 1 ? atof(argv[1]) : 20);
	bool wrong = argc > 2 && strcmp(argv[2], "wrong") == 0;
	double last_load_ms = now_ms(), last_allocation_ms = now_ms();
	unsigned long last_load = 0, last_allocation = 0;
	pthread_t loader, allocator;

	serve();
	if (wrong)
		wrong_install();
	pthread_create(&loader, NULL, load_and_unload, NULL);
	pthread_create(&allocator, NULL, allocate_and_free, NULL);
	while (now_ms() < end) {
		usleep(wrong ? 1000 : 100000);
		if (wrong) {
			pthread_kill(loader, WRONG_SIGNAL);
			pthread_kill(allocator, WRONG_SIGNAL);
		}
		expect_progress(&last_load_ms, &last_load, loaded, "dlopen");
		expect_progress(&last_allocation_ms, &last_allocation, allocated, "malloc");
	}
	printf("%lu loads, %lu allocations\n", loaded, allocated);
	fflush(stdout);
	_exit(0);
}
