/* SPDX-License-Identifier: Apache-2.0 */
/*
 * family.h - the recordings of one run. FILE belongs to the process that was named; what it starts
 * and has a loop of its own writes FILE.PID: `npm start` is a process of npm that waits for the
 * server, and `holter attach --children` follows workers.
 *
 * Tier C. Data: the path of a recording, those beside it -> their paths.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "recording.h"

struct family {
	char **paths; /* owned */
	size_t count;
};

/* Finds the files that are called like a relative's recording. Returns 0 or a negative errno. */
int family_find(struct family *ret, const char *path);
void family_done(struct family *family);
/*
 * Whether two recordings are of one run: made on one host, at the same time. An earlier run may
 * have left files of such names.
 */
bool family_is_one(const struct recording *left, const struct recording *right);
