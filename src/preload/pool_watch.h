/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool_watch.h - what Holter's thread does about annotated pools: writes the figures of those that
 * have changed, and frees those that the program has taken back.
 *
 * Data: struct holter_pool (pools.h) -> the writer. Tier B: Holter's thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "writer.h"

/*
 * Writes the state of each pool that has changed since the last call; with `lasting` also of those
 * in use, so that what is left of a recording knows of a connection that is held for hours.
 */
void pool_watch_write(struct writer *writer, uint64_t now_ns, bool lasting);
/* After fork, in the child: nothing has been written. */
void pool_watch_forget(void);
