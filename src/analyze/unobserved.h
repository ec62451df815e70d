/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unobserved.h - what a recording cannot say, so that "nothing found" is never read as "no
 * problem".
 *
 * Tier C. Data: losses, notes, salvage counts -> lines for a person.
 */
#pragma once

#include "finding.h"

/* Sets diagnosis->not_observed. Notes hold text of the target's: a renderer quotes the lines. */
void unobserved_collect(struct diagnosis *diagnosis, struct recording *recording);
