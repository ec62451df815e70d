/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 04_tls_modules.c - hazard 4: a program with many thread-local modules. Each is loaded late, so
 * that a thread's first use of it allocates inside the loader, and each thread makes that first use
 * while it is being sampled. A handler that used dynamic thread-local storage itself would allocate
 * there as well, and deadlock or corrupt.
 *
 *     04_tls_modules SECONDS LIBRARY...      libraries that export `int *tls_slot(void)`
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "loop.h"

enum { MODULES_MAX = 128, STUCK_MS = 5000 };

static int *(*slots[MODULES_MAX])(void);
static int slot_count;
static atomic_ulong lives;

/* One life of a loop thread: short, because only a new thread makes first uses. */
static void *live(void *seed)
{
	int loop = loop_open(), first = (int)(intptr_t)seed;

	loop_warm(loop);
	for (int i = 0; i < slot_count; i++) {
		*slots[i]() = first + i;
		burn_ms(1); /* all together a stall */
	}
	for (int i = 0; i < slot_count; i++)
		if (*slots[i]() != first + i)
			broken("thread-local variable %d is %d, not %d", i, *slots[i](), first + i);
	loop_turn(loop);
	close(loop);
	lives++;
	return NULL;
}

__attribute__((noreturn)) static void *live_on_and_on(void *seed)
{
	for (intptr_t round = 0;; round++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, live, (void *)((intptr_t)seed + 1000 * round)))
			broken("pthread_create");
		pthread_join(thread, NULL);
	}
}

int main(int argc, char **argv)
{
	double end = now_ms() + 1e3 * (argc > 1 ? atof(argv[1]) : 5), last_ms = now_ms();
	unsigned long last = 0;

	serve();
	for (int i = 2; i < argc && slot_count < MODULES_MAX; i++) {
		void *library = dlopen(argv[i], RTLD_NOW);
		void *slot = library ? dlsym(library, "tls_slot") : NULL;

		if (!slot)
			broken("%s", dlerror());
		memcpy(&slots[slot_count++], &slot, sizeof(slot));
	}
	for (intptr_t seed = 1; seed <= 2; seed++) {
		pthread_t thread;

		pthread_create(&thread, NULL, live_on_and_on, (void *)seed);
	}
	while (now_ms() < end) {
		usleep(100000);
		if (lives != last) {
			last = lives;
			last_ms = now_ms();
		} else if (now_ms() - last_ms > STUCK_MS) {
			broken("deadlock: no thread ended for %d ms", STUCK_MS);
		}
	}
	printf("%lu threads, %d modules\n", lives, slot_count);
	fflush(stdout);
	_exit(0);
}
