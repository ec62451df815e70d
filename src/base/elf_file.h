/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elf_file.h - symbols from an ELF file's own symbol table (.symtab), which the loader does not map
 * and strip removes. Reads the file front to back in pieces; nothing in it is trusted. Tier A: raw
 * system calls, no storage but the stack. Not here: dynamic symbols, which are in memory (image.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ELF_FILE_SYMBOLS_MAX = 8, ELF_FILE_NAME_MAX = 256 };

struct elf_file_symbol {
	const char *name; /* wanted: shorter than ELF_FILE_NAME_MAX */
	bool found;
	uint64_t value, size; /* value: an address as in the file, without the bias */
};

/*
 * Looks up to ELF_FILE_SYMBOLS_MAX symbols up in the file that is open as fd; sets found, value and
 * size of those it has. A name that several symbols share gives the first. Returns the number
 * found; -ENOEXEC if it is no 64-bit ELF file; -ENOENT if it has no symbol table; -EINVAL; an error
 * of reading.
 */
int elf_file_symbols(int fd, struct elf_file_symbol *symbols, size_t count);
