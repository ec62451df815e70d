/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stall.h - findings about stalls: groups them by origin, finds culprit and cause, weighs them.
 *
 * Tier C. Data: recording.stalls and samples -> struct finding.
 */
#pragma once

#include "finding.h"

/* stall.on of a finding whose loop slept until another thread let go of CPython's global lock. */
extern const char stall_interpreter_lock[];

/*
 * Appends the findings to diagnosis->findings, in no order and without ids, and sums up the
 * start-up. diagnosis->recording and seconds are set; the memory is the recording's. Returns 0 or
 * -ENOMEM.
 */
int stall_findings(struct diagnosis *diagnosis, struct recording *recording);

/*
 * Whether a stall was still going on when the process vanished, or when it was looked at last.
 * Every recording cuts off a turn: a process that says good-bye has ended its own; a tool that says
 * so has only stopped to look.
 */
bool stall_is_unfinished(const struct stall *stall, const struct recording *recording);
