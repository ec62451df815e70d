/* SPDX-License-Identifier: Apache-2.0 */
/* judged.h - a recording of a Node made by hand, and what is found in it. For suites of
 * src/analyze.
 */
#pragma once

#include "finding.h"
#include "made.h"

/* What every Node stack ends in. */
#define NODE_ROOTS                                                                                 \
	"processTicksAndRejections@node:internal/process/task_queues:95 "                          \
	"uv_run!/usr/bin/node main!/usr/bin/node"

extern struct recording *recording;
extern struct diagnosis diagnosis;

/* Fixtures: an empty recording, which a test may replace, and its end. */
void begin_node(void);
void finish(void);
/* Fills `diagnosis`. There is a finding. */
const struct finding *diagnose_first(void);
