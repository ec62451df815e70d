/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 20_heap.c - hazard 20: a sampled loop that gives memory to another thread and frees what that one
 * has allocated, by every entry point of the C library's heap.
 *
 *     20_heap SECONDS [MODULE]       MODULE: loaded with RTLD_DEEPBIND; sees its own C library's
 */
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "loop.h"

enum { SHELVES = 256, STALL_MS = 25, BYTES_MAX = 20000 };

static _Atomic(char *) shelves[SHELVES];
static _Atomic bool done;

static char *allocate(unsigned number)
{
	size_t size = 1 + number * 7919 % BYTES_MAX;
	void *memory = NULL;

	switch (number % 6) {
	case 0:
		memory = malloc(size);
		break;
	case 1:
		memory = calloc(size, 1);
		break;
	case 2:
		memory = realloc(malloc(size / 2 + 1), size);
		break;
	case 3:
		memory = aligned_alloc(64, (size + 63) / 64 * 64);
		break;
	case 4:
		if (posix_memalign(&memory, 4096, size))
			memory = NULL;
		break;
	default:
		memory = strdup("a string of its own");
		size = 20;
		break;
	}
	if (!memory || malloc_usable_size(memory) < size)
		broken("%zu bytes are not there", size);
	return memory;
}

/* Puts a block on a shelf and frees what lay there. */
static void exchange(unsigned number)
{
	free(atomic_exchange(&shelves[number % SHELVES], allocate(number)));
}

static void *exchange_aside(void *unused)
{
	(void)unused;
	for (unsigned i = 0; !done; i += 3)
		exchange(i);
	return NULL;
}

int main(int argc, char **argv)
{
	double end = now_ms() + 1e3 * (argc > 1 ? atof(argv[1]) : 1);
	int loop = loop_open();
	char *(*make)(int loop) = NULL;
	pthread_t other;

	if (argc > 2) {
		void *module = dlopen(argv[2], RTLD_NOW | RTLD_DEEPBIND);

		make = module ? (char *(*)(int))dlsym(module, "deep_make") : NULL;
		if (!make)
			broken("%s", dlerror());
	}
	serve();
	loop_warm(loop);
	pthread_create(&other, NULL, exchange_aside, NULL);
	for (unsigned i = 0; now_ms() < end;) {
		double turn_end = now_ms() + STALL_MS;

		while (now_ms() < turn_end)
			exchange(i++);
		if (make && strcmp(make(loop), "made by the module") != 0)
			broken("the module makes nonsense");
		loop_turn(loop);
	}
	done = true;
	pthread_join(other, NULL);
	return 0;
}
