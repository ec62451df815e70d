/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lines.h - DWARF: which functions lie at an address, inlined ones included, and which line it is.
 * Compilation units and functions are indexed here, since clang and rustc write no .debug_aranges.
 *
 * Not here: split DWARF (.dwo files); such units give a line and no inlined functions.
 *
 * Tier C. Data: libdw -> struct place.
 */
#pragma once

#include <libelf.h>
#include <stddef.h>
#include <stdint.h>

#include "place.h"

struct lines;

/* Reads the DWARF of a file. Returns 0; -ENOENT if it has none; -ENOMEM. `elf` is borrowed until
 * lines_free. */
int lines_open(struct lines **ret, Elf *elf);
void lines_free(struct lines *lines);
/*
 * Fills `places` with the functions at a virtual address, innermost first. Names are linkage names
 * where there are any, in C++ else qualified ones, else as in the source, or null. Returns their
 * number; 0 if nothing is known. Strings stay valid until the next look-up.
 */
size_t lines_lookup(struct lines *lines, uint64_t address, struct place places[PLACE_DEPTH_MAX]);
