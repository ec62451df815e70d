/* SPDX-License-Identifier: Apache-2.0 */
/*
 * v8_source_url.h - what a script that is no file calls itself: eval, new Function, vm and the
 * modules of a bundler name their sources by a comment near the end, "//# sourceURL=rules/risk.js".
 * Tier B.
 */
#pragma once

#include <stdbool.h>

#include "v8_heap.h"

/*
 * Writes the name in the last lines of a source of `length` units, NUL-terminated. Returns
 * whether there is one that fits; the buffer stays as it was where not.
 */
bool v8_source_url_read(
	struct v8_heap *heap, uint64_t source, uint32_t length, char *buffer, size_t size);
