/* SPDX-License-Identifier: Apache-2.0 */
/* 20_deep_module.c - loaded with RTLD_DEEPBIND: it finds the C library before any preload. */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

char *deep_make(int loop);

/* Waits on the program's loop, keeps a block of its own heap, and gives it out again and again. */
char *deep_make(int loop)
{
	static char *kept;
	struct epoll_event event;

	epoll_wait(loop, &event, 1, 1);
	free(kept);
	kept = malloc(64);
	if (kept)
		strcpy(kept, "made by the module");
	return kept;
}
