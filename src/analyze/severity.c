/* SPDX-License-Identifier: Apache-2.0 */
/*
 * severity.c - how bad stalls are.
 *
 * Tier C. Data: struct stall_figures -> enum severity.
 */
#include "severity.h"

static const double WARNING_SHARE = 0.01;
static const double CRITICAL_SHARE = 0.10;
/* A kill may hit an ordinary stall by chance; one this long was likely its reason. */
static const double OPEN_HANG_MS = 1000;

enum severity severity_of_stalls(const struct stall_figures *figures)
{
	if (figures->max_ms >= SEVERITY_HANG_MS || figures->unfinished_ms >= OPEN_HANG_MS)
		return SEVERITY_CRITICAL;
	if (figures->count < SEVERITY_MIN_STALLS)
		return SEVERITY_INFO;
	if (figures->lost_share >= CRITICAL_SHARE)
		return SEVERITY_CRITICAL;
	return figures->lost_share >= WARNING_SHARE || figures->minute_share >= CRITICAL_SHARE
		       ? SEVERITY_WARNING
		       : SEVERITY_INFO;
}

enum severity severity_lowered(enum severity severity)
{
	return severity == SEVERITY_CRITICAL ? SEVERITY_WARNING : SEVERITY_INFO;
}
