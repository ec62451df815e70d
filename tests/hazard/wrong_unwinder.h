/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wrong_unwinder.h - the wrong design that hazards 1 and 2 are about: a signal handler that unwinds
 * the live stack with libunwind. The control runs of these tests use it to show that the tests can
 * fail.
 */
#pragma once

#define UNW_LOCAL_ONLY
#include <libunwind.h>
#include <signal.h>
#include <stddef.h>

enum { WRONG_SIGNAL = SIGUSR1, WRONG_DEPTH = 64 };

static inline void wrong_handler(int number, siginfo_t *info, void *context)
{
	unw_cursor_t cursor;

	(void)number;
	(void)info;
	if (unw_init_local2(&cursor, (unw_context_t *)context, UNW_INIT_SIGNAL_FRAME) < 0)
		return;
	for (int depth = 0; depth < WRONG_DEPTH && unw_step(&cursor) > 0; depth++)
		;
}

static inline void wrong_install(void)
{
	struct sigaction action = {
		.sa_sigaction = wrong_handler, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};

	sigaction(WRONG_SIGNAL, &action, NULL);
}
