/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 19_allocator.c - a library for hazard 19: an allocator that asks the kernel something while it
 * starts, by syscall(2) and prctl(2), as jemalloc does, and that cannot be entered again meanwhile.
 * It starts in a constructor, before those of what is preloaded have run.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MEMORY_BYTES = 64 << 20, ALIGNMENT = 16, STATUS = 19 };

static _Alignas(ALIGNMENT) char memory[MEMORY_BYTES];
static size_t used;
static enum { NOT_STARTED, STARTING, STARTED } state;

static void start(void)
{
	char name[16];

	if (state == STARTING)
		_exit(STATUS);
	if (state == STARTED)
		return;
	state = STARTING;
	if (syscall(SYS_getpid) != getpid() || syscall(SYS_close, -1) != -1 ||
		prctl(PR_GET_NAME, name))
		_exit(STATUS + 1);
	state = STARTED;
}

/* Each block is preceded by its size. Nothing is ever given back. */
void *malloc(size_t size)
{
	char *block = memory + used;

	start();
	if (size > MEMORY_BYTES - used - 2 * ALIGNMENT)
		return NULL;
	used += ALIGNMENT + (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	memcpy(block, &size, sizeof(size));
	return block + ALIGNMENT;
}

void free(void *block)
{
	(void)block;
}

void *calloc(size_t count, size_t size)
{
	return malloc(count * size);
}

void *realloc(void *block, size_t size)
{
	void *larger = malloc(size);
	size_t old = 0;

	if (block)
		memcpy(&old, (char *)block - ALIGNMENT, sizeof(old));
	if (larger && block)
		memcpy(larger, block, old < size ? old : size);
	return larger;
}

__attribute__((constructor)) static void begin(void)
{
	free(malloc(1));
}
