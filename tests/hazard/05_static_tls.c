/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 05_static_tls.c - hazard 5: loads libraries that demand static thread-local storage, one after
 * the other, until the loader has none left, and prints how many it could load. Holter must not
 * lower that number by much.
 *
 *     05_static_tls LIBRARY...
 */
#include <dlfcn.h>
#include <unistd.h>

#include "loop.h"

enum { STALLS = 40 };

int main(int argc, char **argv)
{
	int loop = loop_open(), loaded = 0;

	serve();
	loop_warm(loop);
	for (int i = 1; i < argc && dlopen(argv[i], RTLD_NOW); i++)
		loaded++;
	for (int i = 0; i < STALLS; i++) {
		burn_ms(50);
		loop_turn(loop);
	}
	printf("%d\n", loaded);
	fflush(stdout);
	_exit(0);
}
