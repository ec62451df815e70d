/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output.h - where the recording goes: HOLTER_OUT, or host-start-pid.holter in HOLTER_DIR. A file
 * that exists is never overwritten: a second process that was given the same name adds its pid.
 * Tier B.
 */
#pragma once

#include <stddef.h>

/*
 * Chooses the path and creates the file (mode 0600, empty), so that the name is taken. Returns 0 or
 * a negative errno.
 */
int output_create(char *path, size_t size);
