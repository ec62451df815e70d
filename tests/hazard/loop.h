/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.h - a minimal event loop for the hazard programs: enough that Holter takes a thread for a
 * loop and a long pause between two waits for a stall. Programs end with a line on standard error
 * and status 1 if what they guard against happened.
 */
#pragma once

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

static inline double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Says what happened and ends the process at once: another thread may be stuck for good. */
__attribute__((noreturn, format(printf, 1, 2))) static inline void broken(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	fflush(NULL);
	_Exit(1);
}

/* Listens, which ends a program's start-up: from here on a long turn is a stall. */
static inline void serve(void)
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (listener < 0 || listen(listener, 1))
		broken("cannot listen");
}

/* Creates the descriptor that a thread's turns wait on. */
static inline int loop_open(void)
{
	int loop = epoll_create1(EPOLL_CLOEXEC);

	if (loop < 0)
		broken("cannot create an epoll descriptor");
	return loop;
}

/* Ends a turn and begins the next: nothing is ever ready, the wait ends after a millisecond (or an
 * interruption). */
static inline void loop_turn(int loop)
{
	struct epoll_event event;

	(void)epoll_wait(loop, &event, 1, 1);
}

/* Turns often enough that Holter takes the thread for a loop. */
static inline void loop_warm(int loop)
{
	for (int i = 0; i < 30; i++)
		loop_turn(loop);
}

/* Burns the CPU. */
static inline void burn_ms(double duration_ms)
{
	static volatile unsigned long turns;
	double end = now_ms() + duration_ms;

	while (now_ms() < end)
		turns = turns + 1;
}
