/* SPDX-License-Identifier: Apache-2.0 */
/*
 * locate.h - opens the file of a recorded path. A recording may be hostile, and the tool may be
 * root: only regular files are opened, never one that blocks, and below a root folder no link
 * leads out of it (hazard 49). Whether it is the right file is module.h's question.
 *
 * Tier C. Data: a recorded path -> a file descriptor.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
	LOCATE_SYSTEM = -1, /* as `root`: no root folder */
};

/* Opens the folder that recorded paths are looked for in. Returns a descriptor, or a negative
 * errno. */
int locate_root(const char *folder);
/*
 * Opens an absolute path, below the folder `root` or as it is. Returns a descriptor to be closed by
 * the caller, or a negative errno: -ENOENT also for what is no regular file, -EFBIG above 32 GiB.
 */
int locate_file(int root, const char *path);
/*
 * Opens the separate debug file of a build id (/usr/lib/debug/.build-id/xx/….debug). Returns as
 * locate_file.
 */
int locate_debug(int root, const uint8_t *build_id, size_t length);
