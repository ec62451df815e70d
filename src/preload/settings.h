/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings.h - the HOLTER_ variables, read once before main. Each is also an option of `holter
 * run`; a value that makes no sense is replaced by the default and noted in the recording, never an
 * error in somebody's server. Tier B.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct settings {
	bool disabled;   /* HOLTER_DISABLE=1: pass everything through */
	bool no_signals; /* HOLTER_NO_SIGNALS=1: time stalls, take stacks of sleeping threads only
			  */
	uint64_t threshold_ns; /* HOLTER_THRESHOLD_MS, 50 */
	uint64_t interval_ns;  /* HOLTER_INTERVAL_MS, 10: between samples of one stall, at first */
	uint64_t max_bytes;    /* HOLTER_MAX_SIZE, 64M */
	char out[4096];        /* HOLTER_OUT: path of the recording; "": made from the folder */
	char folder[4096]; /* HOLTER_DIR, else $XDG_STATE_HOME/holter, else a private folder in /tmp
			    */
	bool folder_must_be_own; /* it lies where anybody may make one of its name */
	const char *complaint;   /* null, or which variable was not understood */
};

extern struct settings settings;

void settings_load(void);
/*
 * Whether somebody has laid down a file that keeps Holter out of every process that starts:
 * /etc/holter/disable, or `disable` in the folder of recordings (hazard 25).
 */
bool settings_switched_off(void);
