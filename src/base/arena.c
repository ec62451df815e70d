/* SPDX-License-Identifier: Apache-2.0 */
#include "arena.h"

#include <errno.h>
#include <sys/mman.h>

#include "sys.h"

int arena_init(struct arena *arena, size_t size)
{
	void *bytes = sys_mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (sys_failed(bytes))
		return (int)(intptr_t)bytes;
	*arena = (struct arena){.bytes = bytes, .size = size};
	return 0;
}

void arena_done(struct arena *arena)
{
	if (arena->bytes)
		sys_munmap(arena->bytes, arena->size);
	*arena = (struct arena){0};
}

void *arena_alloc(struct arena *arena, size_t size)
{
	void *bytes;

	if (size > SIZE_MAX - 15)
		return NULL;
	size = (size + 15) & ~(size_t)15;
	if (size > arena->size - arena->used)
		return NULL;
	bytes = arena->bytes + arena->used;
	arena->used += size;
	return bytes; /* fresh anonymous memory: zeroed by the kernel, and never given back in part
		       */
}
