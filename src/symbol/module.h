/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module.h - one ELF file with its symbols, and with its DWARF where there is any: which functions
 * lie at an offset of the file. Separate debug files (by build id, .gnu_debuglink,
 * .gnu_debugaltlink) count as part of it. Nothing is ever asked from the network (no debuginfod).
 * The file is hostile: elfutils checks its bounds, and worker.c keeps the rest in a child.
 *
 * Not here: which file belongs to a mapping (locate.h); compressed symbols in .gnu_debugdata
 * (Fedora's MiniDebugInfo); .gnu_debuglink below a root folder, where debug files are found by
 * build id.
 *
 * Tier C. Data: file descriptors -> struct place.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "place.h"

struct module;

struct module_source {
	int fd;                  /* of the ELF file; borrowed until module_free */
	int debug_fd;            /* of a separate debug file; -1: none known. Borrowed likewise */
	const char *path;        /* of the file: where .gnu_debuglink starts from */
	const uint8_t *build_id; /* as recorded */
	size_t build_id_length;  /* 0: none was recorded */
};

/*
 * Opens an ELF file. Returns 0; -ESTALE if its build id is not the recorded one; -ENOEXEC if it is
 * no 64-bit ELF file; -ENOMEM.
 */
int module_open(struct module **ret, const struct module_source *source);
void module_free(struct module *module);
/* Does executable code lie at this offset of the file? */
bool module_has_code(const struct module *module, uint64_t offset);
/*
 * Fills `places` with the functions at an offset of the file, innermost first; all but the last
 * were inlined. Returns their number: 0 if nothing is known, at most PLACE_DEPTH_MAX. Strings are
 * the module's, until the next look-up. Of a stripped file it is known where the function begins.
 */
size_t module_lookup(struct module *module, uint64_t offset, struct place places[PLACE_DEPTH_MAX]);
