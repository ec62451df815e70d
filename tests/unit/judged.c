/* SPDX-License-Identifier: Apache-2.0 */
/* judged.c - see judged.h. */
#include "judged.h"

#include <check.h>

struct recording *recording;
struct diagnosis diagnosis;

void begin_node(void)
{
	recording = made_recording("node 20.20.2", "/usr/bin/node");
}

void finish(void)
{
	made_free(recording);
}

const struct finding *diagnose_first(void)
{
	ck_assert_int_eq(diagnose(&diagnosis, recording), 0);
	ck_assert_uint_ge(diagnosis.finding_count, 1);
	return &diagnosis.findings[0];
}
