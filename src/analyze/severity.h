/* SPDX-License-Identifier: Apache-2.0 */
/*
 * severity.h - how bad stalls are, in one place.
 *
 * Tier C.
 */
#pragma once

#include "finding.h"

enum { SEVERITY_MIN_STALLS = 3 };
static const double SEVERITY_HANG_MS = 5000;

/*
 * Warning from three stalls that cost 1 % of the time, or 10 % of one minute, critical if they cost
 * 10 % of the time, or if one lasts 5 s or has not ended. A stall is cut short by the end of any
 * recording; it "has not ended" only if the process never said good-bye (it was killed, or still
 * hangs) and the stall is longer by far than those that a threshold is made for.
 */
enum severity severity_of_stalls(const struct stall_figures *figures);
/* One step lower: for what the program is not at fault for. */
enum severity severity_lowered(enum severity severity);
