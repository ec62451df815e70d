/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stall.h - findings about stalls: groups them by origin, finds culprit and cause, weighs them.
 *
 * Tier C. Data: recording.stalls and samples -> struct finding.
 */
#pragma once

#include "finding.h"

/*
 * Appends the findings to diagnosis->findings, in no order and without ids. diagnosis->recording
 * and seconds are set; the memory is the recording's. Returns 0 or -ENOMEM.
 */
int stall_findings(struct diagnosis *diagnosis, struct recording *recording);
