/* SPDX-License-Identifier: Apache-2.0 */
/*
 * naming.h - names the native functions of a recording that has just been written, while the files
 * of its process are at hand, and adds the names to it.
 *
 * Tier C. Data: the recording -> src/symbol -> its writer.
 */
#pragma once

#include "attached.h"
#include "files.h"

/*
 * Ends the recording, then names it. Returns 0, or a negative errno if it cannot be read back: it
 * is then without names.
 */
int naming_write(struct attached *attached, struct files *files);
