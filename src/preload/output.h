/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output.h - where the recording goes: HOLTER_OUT, or host-start-pid.holter in HOLTER_DIR. A file
 * that exists is never overwritten: a second process that was given the same name adds its pid.
 * Tier B.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Chooses the path and creates the file (mode 0600, empty), so that the name is taken. Returns 0 or
 * a negative errno; then the path is that of what could not be made.
 */
int output_create(char *path, size_t size);
/*
 * Whether a recording that was asked for by name could not be made any more once this thread's user
 * is another. Asked by a thread that is root. False where no name was given.
 */
bool output_is_closed_to(uint32_t user);
