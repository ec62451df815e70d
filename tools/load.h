/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load.h - opens a recording for a command: reads it, names its frames, says what is wrong.
 *
 * Tier C. Data: a path -> struct recording, or one line on standard error.
 */
#pragma once

#include "recording.h"

/*
 * Loads and names a recording. symbols: a folder to look for modules in first, or null. Returns
 * STATUS_OK and sets ret (recording_free), or the status to exit with after having complained.
 */
int load_recording(struct recording **ret, const char *path, const char *symbols);
/* Says what is wrong with a recording that recording_load or recording_dump refused. Returns the
 * exit status. */
int load_complain(const char *path, int error);
