/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load.h - opens a recording for a command: reads it, names its frames, says what is wrong.
 *
 * Tier C. Data: a path -> struct recording, or one line on standard error.
 */
#pragma once

#include "recording.h"

/* Folders to look for the server's files in first; null: none. */
struct load_options {
	const char *symbols; /* executables and libraries */
	const char *sources; /* scripts and source maps */
	const char *root;    /* null, or where the paths of scripts begin: the root of a process */
};

/*
 * Loads and names a recording. Returns STATUS_OK and sets ret (recording_free), or the status to
 * exit with after having complained.
 */
int load_recording(struct recording **ret, const char *path, const struct load_options *options);
/* Says what is wrong with a recording that recording_load or recording_dump refused. Returns the
 * exit status. */
int load_complain(const char *path, int error);
