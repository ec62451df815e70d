/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restart.h - an interruption that Holter's signal caused never reaches the server (hazard 9).
 *
 * Only a thread that has just been seen running is signalled. It may fall asleep in between, in a
 * call that SA_RESTART does not restart (poll, nanosleep, recv with SO_RCVTIMEO, ...). The handler
 * then sees a context that stands behind a system call which returns EINTR, and sets it back onto
 * the instruction, as the kernel itself does for the calls that it restarts: all registers but rax
 * hold the arguments still, and the call had made no progress. Its timeout begins anew, which is
 * later by the time between the look and the signal (sampler.c keeps that short). Tier A.
 */
#pragma once

#include <ucontext.h>

enum restart {
	RESTART_NOTHING, /* no call was interrupted, or a signal of the server's would have done so
			    as well */
	RESTART_DONE,    /* the call is made again when the handler returns */
	RESTART_FAILED,  /* the call's number is not known: the server sees EINTR */
};

/* `signal`: the one that is being handled; another of it is no reason to leave the call. */
enum restart restart_call_sig(ucontext_t *context, int signal);
