/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blind_signals.c - the wrong design that hazard 9 is about, as a preload: a thread signals the
 * main thread every few milliseconds, whatever that does, with a handler that does nothing and
 * SA_RESTART. The control run of the test uses it to show that the ledger notices.
 */
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

static pthread_t target;

static void ignore(int number)
{
	(void)number;
}

__attribute__((noreturn)) static void *signal_blindly(void *unused)
{
	const struct timespec pause = {.tv_nsec = 7000000};

	(void)unused;
	for (;;) {
		nanosleep(&pause, NULL);
		pthread_kill(target, SIGRTMIN + 13);
	}
}

__attribute__((constructor)) static void begin(void)
{
	struct sigaction action = {.sa_handler = ignore, .sa_flags = SA_RESTART};
	pthread_t thread;

	target = pthread_self();
	sigaction(SIGRTMIN + 13, &action, NULL);
	pthread_create(&thread, NULL, signal_blindly, NULL);
}
