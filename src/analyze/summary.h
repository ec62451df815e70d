/* SPDX-License-Identifier: Apache-2.0 */
/*
 * summary.h - the one line that says what a finding is.
 *
 * Tier C. Data: struct finding, complete but for the summary -> text, owned by the recording. Names
 * are as the target gave them: a renderer quotes the line.
 */
#pragma once

#include "finding.h"

const char *summary_of_culprit(const struct finding *finding, struct recording *recording);
/* Stalls without any stack, and stalls of the host's making. */
const char *summary_of_unseen(const struct finding *finding, struct recording *recording);
const char *summary_of_host(const struct finding *finding, struct recording *recording);
