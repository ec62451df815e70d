/* SPDX-License-Identifier: Apache-2.0 */
/* judged.h - a recording of a Node made by hand, and what is found in it. For suites of
 * src/analyze. */
#pragma once

#include <check.h>

#include "finding.h"
#include "made.h"

static const char NODE[] = "node 20.20.2";
static const char NODE_PATH[] = "/usr/bin/node";

/* What every Node stack ends in. */
#define NODE_ROOTS                                                                                 \
	"processTicksAndRejections@node:internal/process/task_queues:95 "                          \
	"uv_run!/usr/bin/node main!/usr/bin/node"

static struct recording *recording;
static struct diagnosis diagnosis;

static inline void begin_node(void)
{
	recording = made_recording(NODE, NODE_PATH);
}

static inline void finish(void)
{
	made_free(recording);
}

static inline const struct finding *diagnose_first(void)
{
	ck_assert_int_eq(diagnose(&diagnosis, recording), 0);
	ck_assert_uint_ge(diagnosis.finding_count, 1);
	return &diagnosis.findings[0];
}
