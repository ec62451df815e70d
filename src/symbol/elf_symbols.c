/* SPDX-License-Identifier: Apache-2.0 */
/* elf_symbols.c - see elf_symbols.h. */
#include "elf_symbols.h"

#include <errno.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* How many symbols before an address may end before it, and another one still cover it. */
	NESTED_MAX = 64,
};

/*
 * One function often has several names (read, __read, __libc_read). Typed before untyped, exported
 * before local, few leading underscores before many.
 */
static uint8_t rank_of(const GElf_Sym *symbol, const char *name)
{
	size_t underscores = strspn(name, "_");
	uint8_t rank = (uint8_t)(underscores > 15 ? 15 : underscores);

	/* "_Z" and "_R" begin mangled names: that underscore is not a mark of something internal.
	 */
	if (underscores == 1 && (name[1] == 'Z' || name[1] == 'R'))
		rank = 0;
	if (GELF_ST_BIND(symbol->st_info) == STB_LOCAL)
		rank |= 0x20;
	if (GELF_ST_TYPE(symbol->st_info) == STT_NOTYPE)
		rank |= 0x40;
	return rank;
}

/* The end of the executable section that a symbol lies in; 0: it lies in none. */
static uint64_t code_limit(Elf *elf, const GElf_Sym *symbol)
{
	GElf_Shdr header;
	Elf_Scn *scn = symbol->st_shndx < SHN_LORESERVE ? elf_getscn(elf, symbol->st_shndx) : NULL;
	uint64_t limit;

	if (!scn || !gelf_getshdr(scn, &header) || !(header.sh_flags & SHF_EXECINSTR) ||
		__builtin_add_overflow(header.sh_addr, header.sh_size, &limit))
		return 0;
	return limit;
}

static bool is_function(const GElf_Sym *symbol, const char *name)
{
	int type = GELF_ST_TYPE(symbol->st_info);

	if (symbol->st_shndx == SHN_UNDEF || !name || !name[0])
		return false;
	if (type == STT_FUNC || type == STT_GNU_IFUNC)
		return true;
	/* Hand-written assembly often leaves the type out; '.' and '$' begin labels that are no
	 * functions. */
	return type == STT_NOTYPE && name[0] != '.' && name[0] != '$';
}

static int append(struct elf_symbols *symbols, const struct elf_symbol *symbol)
{
	if (symbols->count == symbols->capacity) {
		size_t capacity = symbols->capacity ? symbols->capacity * 2 : 4096;
		void *grown = reallocarray(symbols->entries, capacity, sizeof(*symbols->entries));

		if (!grown)
			return -ENOMEM;
		symbols->entries = grown;
		symbols->capacity = capacity;
	}
	symbols->entries[symbols->count++] = *symbol;
	return 0;
}

static long add_table(struct elf_symbols *symbols, Elf *elf, Elf_Scn *scn, const GElf_Shdr *header)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	size_t before = symbols->count, count;

	if (!data || header->sh_entsize != gelf_fsize(elf, ELF_T_SYM, 1, EV_CURRENT))
		return 0;
	count = data->d_size / header->sh_entsize;
	for (size_t i = 0; i < count && i < INT32_MAX; i++) {
		GElf_Sym symbol;
		struct elf_symbol entry;

		if (!gelf_getsym(data, (int)i, &symbol))
			break;
		entry.name = elf_strptr(elf, header->sh_link, symbol.st_name);
		if (!is_function(&symbol, entry.name))
			continue;
		entry.address = symbol.st_value;
		entry.limit = code_limit(elf, &symbol);
		if (__builtin_add_overflow(symbol.st_value, symbol.st_size, &entry.end) ||
			entry.address >= entry.limit)
			continue;
		entry.rank = rank_of(&symbol, entry.name);
		if (append(symbols, &entry) < 0)
			return -ENOMEM;
	}
	return (long)(symbols->count - before);
}

long elf_symbols_add(struct elf_symbols *symbols, Elf *elf, unsigned kind)
{
	Elf_Scn *scn = NULL;
	long total = 0;

	while ((scn = elf_nextscn(elf, scn))) {
		GElf_Shdr header;
		long added;

		if (!gelf_getshdr(scn, &header) || header.sh_type != kind)
			continue;
		added = add_table(symbols, elf, scn, &header);
		if (added < 0)
			return added;
		total += added;
	}
	return total;
}

static int compare(const void *left, const void *right)
{
	const struct elf_symbol *a = left, *b = right;

	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	if (a->end != b->end)
		return a->end > b->end ? -1 : 1;
	return strcmp(a->name, b->name);
}

void elf_symbols_sort(struct elf_symbols *symbols)
{
	size_t kept = 0;

	if (!symbols->count)
		return;
	qsort(symbols->entries, symbols->count, sizeof(*symbols->entries), compare);
	for (size_t i = 1; i < symbols->count; i++) {
		struct elf_symbol *last = symbols->entries + kept, *here = symbols->entries + i;

		if (here->address != last->address) {
			symbols->entries[++kept] = *here;
		} else if (last->end < here->end) {
			last->end = here->end; /* an alias without a size */
		}
	}
	symbols->count = kept + 1;
}

const struct elf_symbol *elf_symbols_find(const struct elf_symbols *symbols, uint64_t address)
{
	size_t low = 0, high = symbols->count;
	const struct elf_symbol *nearest;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbols->entries[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return NULL;
	nearest = symbols->entries + low - 1;
	/* A label inside a function, or a function that was split around another one: look further
	 * back. */
	for (size_t i = 0; i < NESTED_MAX && i < low; i++) {
		const struct elf_symbol *symbol = nearest - i;

		if (address < symbol->end)
			return symbol;
	}
	return nearest->end == nearest->address && address < nearest->limit ? nearest : NULL;
}

void elf_symbols_done(struct elf_symbols *symbols)
{
	free(symbols->entries);
	*symbols = (struct elf_symbols){0};
}
