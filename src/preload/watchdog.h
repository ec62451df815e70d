/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watchdog.h - Holter's one thread: sees turns that pass the threshold, takes their stacks while
 * they last, and writes the recording. Tier B.
 */
#pragma once

/* Runs until life_is_ending, then writes the end and returns. */
void watchdog_run(void);
/* After fork, in the child: closes the parent's recording without touching it and forgets all. */
void watchdog_abandon(void);
