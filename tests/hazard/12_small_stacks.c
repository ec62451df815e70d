/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 12_small_stacks.c - hazard 12: loops on stacks that have no room for a signal. The kernel writes
 * a frame with all vector registers, up to 11 KiB of them, and kills if it does not fit.
 *
 *     12_small_stacks small           a thread with 16 KiB that works at the end of them
 *     12_small_stacks alternate       an alternate stack of the least size, above a forbidden page
 *     12_small_stacks roomy           a large alternate stack: how much of it a sample takes,
 * printed
 *     ... wrong                       the control: signals all the same
 */
#include <alloca.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "loop.h"

enum { PAGE = 4096, STACK_BYTES = 16384, LEFT_BYTES = 1024, TURNS = 10, STALL_MS = 40 };
enum { ROOMY_BYTES = 64 << 10, HANDLER_BYTES = 2048, PAINT = 0xa5 };

static bool wrong;

static void use_stack(int number)
{
	volatile char used[HANDLER_BYTES];

	(void)number;
	for (size_t i = 0; i < sizeof(used); i += 64)
		used[i] = 1;
}

static void install_wrong(int flags)
{
	struct sigaction action = {.sa_handler = use_stack, .sa_flags = SA_RESTART | flags};
	struct itimerval often = {{.tv_usec = 5000}, {.tv_usec = 5000}};

	sigaction(SIGVTALRM, &action, NULL);
	setitimer(ITIMER_VIRTUAL, &often, NULL);
}

/* Burns where only LEFT_BYTES of the stack are left. */
__attribute__((noinline)) static void burn_at_end(const char *lowest)
{
	char here;
	size_t room = (size_t)(&here - lowest);
	volatile char *taken = alloca(room > LEFT_BYTES ? room - LEFT_BYTES : 1);

	taken[0] = 1;
	burn_ms(STALL_MS);
}

static void *small_loop(void *unused)
{
	int loop = loop_open();
	pthread_attr_t attributes;
	void *lowest;
	size_t size;

	(void)unused;
	pthread_getattr_np(pthread_self(), &attributes);
	pthread_attr_getstack(&attributes, &lowest, &size);
	burn_ms(1); /* the loader binds what it needs, with a large frame of its own */
	loop_warm(loop);
	for (int i = 0; i < TURNS; i++) {
		burn_at_end(lowest);
		loop_turn(loop);
	}
	return NULL;
}

static void small(void)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	if (wrong)
		install_wrong(0);
	errno = pthread_create(&thread, &attributes, small_loop, NULL);
	if (errno)
		broken("pthread_create: %s", strerror(errno));
	pthread_join(thread, NULL);
}

static unsigned char *use_alternate(size_t bytes)
{
	size_t pages = (bytes + PAGE - 1) / PAGE + 1;
	unsigned char *memory = mmap(
		NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack_t stack = {.ss_size = bytes};

	if (memory == MAP_FAILED || mprotect(memory, PAGE, PROT_NONE))
		broken("no memory");
	stack.ss_sp = memory + PAGE;
	memset(stack.ss_sp, PAINT, bytes);
	if (sigaltstack(&stack, NULL))
		broken("sigaltstack: %s", strerror(errno));
	return stack.ss_sp;
}

static void turns(void)
{
	int loop = loop_open();

	loop_warm(loop);
	for (int i = 0; i < TURNS; i++) {
		burn_ms(STALL_MS);
		loop_turn(loop);
	}
}

static size_t frame_bytes(void)
{
	size_t bytes = getauxval(AT_MINSIGSTKSZ);

	return bytes > 2048 ? bytes : 2048;
}

static void alternate(void)
{
	use_alternate(frame_bytes());
	if (wrong)
		install_wrong(SA_ONSTACK);
	turns();
}

static void roomy(void)
{
	const unsigned char *stack = use_alternate(ROOMY_BYTES);
	size_t untouched = 0;

	turns();
	while (untouched < ROOMY_BYTES && stack[untouched] == PAINT)
		untouched++;
	printf("%zu %zu\n", ROOMY_BYTES - untouched, frame_bytes());
}

int main(int argc, char **argv)
{
	const char *which = argc > 1 ? argv[1] : "";

	serve();
	wrong = argc > 2;
	if (strcmp(which, "small") == 0)
		small();
	else if (strcmp(which, "alternate") == 0)
		alternate();
	else if (strcmp(which, "roomy") == 0)
		roomy();
	else
		broken("usage: 12_small_stacks small|alternate|roomy [wrong]");
	return 0;
}
