/* SPDX-License-Identifier: Apache-2.0 */
/*
 * script.h - which script an interpreter runs, for telling one `node` from the other. Command lines
 * hold secrets, and code: nothing but the base name of what must be the script leaves this module,
 * and none at all where that is not certain.
 *
 * Tier C. Data: the bytes of /proc/PID/cmdline -> a short name.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { SCRIPT_NAME_MAX = 65 };

/*
 * `program`: the base name of what runs ("node", "python3.11"). `arguments`: NUL-terminated words,
 * the first of which is the program's. Returns whether there is a script's or module's name.
 */
bool script_name(const char *program, const char *arguments, size_t length,
	char ret[static SCRIPT_NAME_MAX]);
