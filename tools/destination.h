/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destination.h - where a recording is to go: room is made for it, and what it may not replace is
 * left alone. Tier C. Data: a path -> a path that can be created, or a complaint.
 */
#pragma once

#include <stdbool.h>

/* The path from the root on; owned. Null: out of memory. */
char *destination_absolute(const char *path);
/*
 * Whether a recording can be written at an absolute path: its folder is there or can be made, for
 * its owner alone, and has room; a recording of an earlier run is removed. Complains if not.
 */
bool destination_prepare(const char *path);
/* The same of a folder for recordings. */
bool destination_folder(const char *folder);
