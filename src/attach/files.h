/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files.h - the files that watched processes have code of, opened when they are first seen and held
 * until the end: by then the process may be gone, and its container's files with it, or another
 * version may lie under their names.
 *
 * Tier C. Data: mappings of a process -> descriptors for src/symbol.
 */
#pragma once

#include "attached.h"

struct files;

/* Null: no memory. */
struct files *files_new(void);
void files_free(struct files *files);
/* Opens what the process maps and is not held yet. What cannot be opened is left out. */
void files_look(struct files *files, const struct attached *attached);
/* As struct symbol_options has it; context is a struct files. */
int files_open(void *context, const struct record_mapping *mapping, size_t attempt);
