/* SPDX-License-Identifier: Apache-2.0 */
/*
 * made.h - recordings made by hand, for tests of what reads them. Stacks are written as text.
 *
 * Test code; memory is the recording's.
 */
#pragma once

#include "recording.h"

enum { MADE_MS = 1000000 };

/* An empty recording of ten seconds with one loop. runtime and program: as in its head. */
struct recording *made_recording(const char *runtime, const char *program);
void made_free(struct recording *recording);

/*
 * A stack from frames parted by blanks, innermost first: FUNCTION@FILE:LINE is a script's function
 * that is declared in the line before (FILE may hold colons), FUNCTION!MODULE a native one, !MODULE
 * one without a name. A FUNCTION of "()" is an anonymous script function, "|" alone cuts the stack
 * off, "~" before a frame marks it as bridged.
 */
struct stack *made_stack(struct recording *recording, const char *text);

/* The stack of a loop in its main wait. */
void made_resting(struct recording *recording, const char *text);

/*
 * Appends a stall of duration_ms that begins at begin_ms; its whole time was measured, cpu_ms of it
 * on a CPU. The caller may change the figures until the next call.
 */
struct stall *made_stall(
	struct recording *recording, double begin_ms, double duration_ms, double cpu_ms);
/* Appends a sample to the last stall; it was on a CPU unless a system call is given (-1: none). */
struct sample *made_sample(
	struct recording *recording, const char *stack, double weight_ms, int syscall);
/* A stall whose samples, of equal weight, all hold one stack: on a CPU, or asleep if a system call
 * is given. */
struct stall *made_plain(struct recording *recording, double begin_ms, double duration_ms,
	const char *stack, unsigned samples, int syscall);
