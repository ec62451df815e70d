/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 07_edges.c - hazard 7: memory that ends where a sample is taken.
 *
 *     07_edges stack      a thread's stack and, in one mapping with it, memory that is given back
 *                         in the middle of a stall
 *     07_edges code       code that begins with a page, behind one that may not be read, and whose
 *                         registers look as if a system call had just been interrupted
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "loop.h"

enum { PAGE = 4096, STACK_BYTES = 256 << 10, BEHIND_BYTES = 256 << 10, TURNS = 10, STALL_MS = 60 };

static char *stack;

static void *on_stack(void *unused)
{
	int loop = loop_open();

	(void)unused;
	loop_warm(loop);
	burn_ms(STALL_MS); /* Holter has looked at the mappings by now */
	munmap(stack + STACK_BYTES, BEHIND_BYTES);
	burn_ms(STALL_MS);
	loop_turn(loop);
	return NULL;
}

static void at_stack_end(void)
{
	pthread_attr_t attributes;
	pthread_t thread;

	stack = mmap(NULL, STACK_BYTES + BEHIND_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_attr_init(&attributes);
	pthread_attr_setstack(&attributes, stack, STACK_BYTES);
	errno = pthread_create(&thread, &attributes, on_stack, NULL);
	if (errno)
		broken("pthread_create: %s", strerror(errno));
	pthread_join(thread, NULL);
}

/* Counts down at the beginning of a page, with -EINTR in rax. */
static void at_code_begin(void)
{
	/* 1: dec %rdi; jnz 1b; ret */
	static const unsigned char code[] = {0x48, 0xff, 0xcf, 0x75, 0xfb, 0xc3};
	unsigned char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int loop = loop_open();

	memcpy(pages + PAGE, code, sizeof(code));
	mprotect(pages, PAGE, PROT_NONE);
	loop_warm(loop);
	for (int i = 0; i < TURNS; i++) {
		for (double end = now_ms() + STALL_MS; now_ms() < end;) {
			long steps = 10000000, result = -EINTR;

			__asm__ volatile("call *%2"
					 : "+D"(steps), "+a"(result)
					 : "r"(pages + PAGE)
					 : "cc", "memory");
		}
		loop_turn(loop);
	}
}

int main(int argc, char **argv)
{
	serve();
	if (argc > 1 && strcmp(argv[1], "stack") == 0)
		at_stack_end();
	else if (argc > 1 && strcmp(argv[1], "code") == 0)
		at_code_begin();
	else
		broken("usage: 07_edges stack|code");
	return 0;
}
