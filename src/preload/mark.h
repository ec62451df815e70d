/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mark.h - breaks a crash loop (hazard 25). While a recording is younger than 60 s, a file beside
 * it is held under a lock, which the kernel lets go when the process dies in whatever way. A server
 * that ends in order, or lives on, removes its mark; marks that nobody holds are short lives. After
 * three of one program the next start is passive: it records nothing, and clears the marks, so that
 * the start after it is an ordinary one.
 *
 * Why a process died cannot be seen afterwards: three that are killed, or leave by _exit, count as
 * well, and cost one recording; three workers of one server count like three servers. A recording
 * that was asked for by name (HOLTER_OUT) is made in any case: somebody is looking. Where no file
 * can be made there is no recording either. Tier B: Holter's thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { MARK_SECONDS = 60 };

/*
 * Marks a start of `program` (a file's inode) beside `recording`. Returns whether it is to be
 * passive.
 */
bool mark_start(const char *recording, const char *host, uint64_t program);
/* The start went well: removes the mark, and those of the short lives before it. */
void mark_clear(void);
