/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elf_symbols.h - the function symbols of an ELF file, sorted by address.
 *
 * Tier C. Data: libelf -> names as the linker has them (demangle.h makes them readable).
 */
#pragma once

#include <libelf.h>
#include <stddef.h>
#include <stdint.h>

struct elf_symbol {
	uint64_t address; /* virtual, as in the file */
	uint64_t end;     /* exclusive; = address if the symbol has no size */
	uint64_t limit;   /* end of its section: a symbol without a size ends there at last */
	const char *name; /* borrowed from the Elf */
	uint8_t rank;     /* of several names of one function the lowest is shown */
};

struct elf_symbols {
	struct elf_symbol *entries;
	size_t count, capacity;
};

/* Adds the function symbols of every table of one kind (SHT_SYMTAB, SHT_DYNSYM). Returns how many,
 * or -ENOMEM. */
long elf_symbols_add(struct elf_symbols *symbols, Elf *elf, unsigned kind);
/* Call once, after the last add and before the first find. */
void elf_symbols_sort(struct elf_symbols *symbols);
/* The symbol that covers a virtual address, or null. */
const struct elf_symbol *elf_symbols_find(const struct elf_symbols *symbols, uint64_t address);
void elf_symbols_done(struct elf_symbols *symbols);
