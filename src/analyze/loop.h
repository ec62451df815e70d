/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.h - how each loop of a recording spent its time, from the histograms of its turns.
 *
 * Tier C. Data: recording.turns -> struct loop_figures.
 */
#pragma once

#include "finding.h"

/* Sets diagnosis->loops: one row for each loop that turned. */
void loop_measure(struct diagnosis *diagnosis, struct recording *recording);
