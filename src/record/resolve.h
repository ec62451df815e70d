/* SPDX-License-Identifier: Apache-2.0 */
/* resolve.h - turns collected declarations and events into a recording: ids become pointers. Tier
 * C. */
#pragma once

#include "collect.h"

/*
 * Fills everything of the recording that comes from blocks' messages. What refers to a lost
 * declaration stays, without it, and is counted. Returns 0 or -ENOMEM (the pool's budget).
 */
int resolve(struct recording *recording, struct collector *collector);
