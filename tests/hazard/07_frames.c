/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 07_frames.c - hazard 7: frames that lead astray. The loop's thread burns in hand-made states: rbp
 * in a page that may not be read, in a cycle, just below the end of the mapped stack, nowhere; a
 * stack of two pages that ends at such a page. Whoever follows these chains without looking faults
 * or never comes back.
 *
 *     07_frames            under Holter
 *     07_frames wrong      the control: this program's own handler follows rbp as it is
 */
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include "loop.h"

enum { PAGE = 4096, STEPS = 40000000, TURNS = 4, FRAMES_MAX = 1000 };

static char *forbidden;

/* Counts down in a loop whose frame pointer is `frame`: 30 to 60 ms. */
__attribute__((noinline)) static void burn_with_frame(void *frame)
{
	long steps = STEPS;

	__asm__ volatile("push %%rbp\n"
			 "mov %1, %%rbp\n"
			 "1: dec %0\n"
			 "jnz 1b\n"
			 "pop %%rbp\n"
			 : "+r"(steps)
			 : "r"(frame)
			 : "cc", "memory");
}

/* The same on another stack, which ends where nothing may be read. */
__attribute__((noinline)) static void burn_on_stack(void *top, void *frame)
{
	long steps = STEPS;

	__asm__ volatile("push %%rbp\n"
			 "mov %%rsp, %%r12\n"
			 "mov %1, %%rsp\n"
			 "mov %2, %%rbp\n"
			 "1: dec %0\n"
			 "jnz 1b\n"
			 "mov %%r12, %%rsp\n"
			 "pop %%rbp\n"
			 : "+r"(steps)
			 : "r"(top), "r"(frame)
			 : "cc", "memory", "r12");
}

static void burn_all(void)
{
	void *cycle[2][2] = {
		{cycle[1], (void *)burn_with_frame}, {cycle[0], (void *)burn_with_frame}};
	void *last = forbidden - sizeof(void *); /* its return address is in the page */

	burn_with_frame(forbidden);
	burn_with_frame(forbidden - sizeof(void *));
	burn_with_frame(cycle[0]);
	burn_with_frame(NULL);
	burn_with_frame((void *)0xdeadbeefcafef00d);
	burn_on_stack(forbidden - 256, last);
	burn_on_stack(forbidden - sizeof(void *) * 2, cycle[0]);
}

static volatile int followed;

static void follow(int number, siginfo_t *info, void *context)
{
	void **frame = (void **)((ucontext_t *)context)->uc_mcontext.gregs[REG_RBP];

	(void)number;
	(void)info;
	for (int i = 0; frame && i < FRAMES_MAX; i++) {
		followed += frame[1] != NULL;
		frame = frame[0];
	}
}

static void install_wrong(void)
{
	struct sigaction action = {.sa_sigaction = follow, .sa_flags = SA_SIGINFO | SA_RESTART};
	struct itimerval often = {{.tv_usec = 2000}, {.tv_usec = 2000}};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

int main(int argc, char **argv)
{
	int loop = loop_open();
	char *pages =
		mmap(NULL, 40 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED || mprotect(pages + 32 * PAGE, 8 * PAGE, PROT_NONE))
		broken("no memory");
	forbidden = pages + 32 * PAGE;
	serve();
	if (argc > 1 && strcmp(argv[1], "wrong") == 0)
		install_wrong();
	loop_warm(loop);
	for (int i = 0; i < TURNS; i++) {
		burn_all();
		loop_turn(loop);
	}
	return 0;
}
