/* SPDX-License-Identifier: Apache-2.0 */
#include "elf_file.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "sys.h"

enum {
	PIECE_BYTES = 8192,
	SECTIONS_MAX = 4096,
	/* A name can be the tail of others, and each place it occurs at is one that a symbol may
	   refer to. */
	PLACES_MAX = 64,
	TABLE_BYTES_MAX = 1 << 30,
};

struct place {
	uint32_t offset; /* in the string table */
	uint32_t symbol; /* index of the wanted symbol */
};

struct search {
	int fd;
	struct elf_file_symbol *symbols;
	size_t count;
	Elf64_Shdr table, strings;
	struct place places[PLACES_MAX];
	size_t place_count;
};

static int read_exact(int fd, void *buffer, size_t size, uint64_t offset)
{
	int64_t got = sys_pread(fd, buffer, size, (int64_t)offset);

	if (got < 0)
		return (int)got;
	return (size_t)got == size ? 0 : -ENOEXEC;
}

static int find_table(struct search *search)
{
	Elf64_Ehdr elf = {0};
	int error = read_exact(search->fd, &elf, sizeof(elf), 0);

	if (error)
		return error;
	if (memcmp(elf.e_ident, ELFMAG, SELFMAG) || elf.e_ident[EI_CLASS] != ELFCLASS64 ||
		elf.e_ident[EI_DATA] != ELFDATA2LSB || elf.e_shentsize != sizeof(Elf64_Shdr))
		return -ENOEXEC;
	for (uint32_t i = 0; i < elf.e_shnum && i < SECTIONS_MAX; i++) {
		error = read_exact(search->fd, &search->table, sizeof(search->table),
			elf.e_shoff + i * sizeof(Elf64_Shdr));
		if (error)
			return error;
		if (search->table.sh_type != SHT_SYMTAB)
			continue;
		error = read_exact(search->fd, &search->strings, sizeof(search->strings),
			elf.e_shoff + search->table.sh_link * sizeof(Elf64_Shdr));
		if (error)
			return error;
		if (search->table.sh_size > TABLE_BYTES_MAX ||
			search->strings.sh_size > TABLE_BYTES_MAX)
			return -ENOEXEC;
		return 0;
	}
	return -ENOENT;
}

static void note_place(struct search *search, uint32_t offset, uint32_t symbol)
{
	if (search->place_count < PLACES_MAX)
		search->places[search->place_count++] = (struct place){offset, symbol};
}

/* Notes each wanted name that ends at `end` (its NUL) in the piece. */
static void match_names(struct search *search, const char *piece, size_t end, uint64_t piece_offset)
{
	for (uint32_t i = 0; i < search->count; i++) {
		const char *name = search->symbols[i].name;
		size_t length = strlen(name);

		if (length <= end && !memcmp(piece + end - length, name, length))
			note_place(search, (uint32_t)(piece_offset + end - length), i);
	}
}

static int find_names(struct search *search)
{
	/* The end of the piece before stands in front: names lie across pieces. */
	char buffer[ELF_FILE_NAME_MAX + PIECE_BYTES] = {0};
	size_t kept = 0;
	uint64_t at = 0;

	while (at < search->strings.sh_size) {
		uint64_t left = search->strings.sh_size - at;
		size_t size = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES, filled;
		int error =
			read_exact(search->fd, buffer + kept, size, search->strings.sh_offset + at);

		if (error)
			return error;
		filled = kept + size;
		for (size_t i = kept; i < filled; i++)
			if (!buffer[i])
				match_names(search, buffer, i, at - kept);
		at += size;
		kept = filled < ELF_FILE_NAME_MAX ? filled : ELF_FILE_NAME_MAX;
		memmove(buffer, buffer + filled - kept, kept);
	}
	return 0;
}

static int match_symbol(struct search *search, const Elf64_Sym *symbol)
{
	for (size_t i = 0; i < search->place_count; i++) {
		struct elf_file_symbol *wanted = &search->symbols[search->places[i].symbol];

		if (search->places[i].offset != symbol->st_name || wanted->found)
			continue;
		wanted->found = true;
		wanted->value = symbol->st_value;
		wanted->size = symbol->st_size;
		return 1;
	}
	return 0;
}

static int find_symbols(struct search *search)
{
	enum { SYMBOLS = PIECE_BYTES / sizeof(Elf64_Sym) };
	Elf64_Sym symbols[SYMBOLS] = {0};
	uint64_t total = search->table.sh_size / sizeof(Elf64_Sym);
	int found = 0;

	for (uint64_t at = 0; at < total && found < (int)search->count; at += SYMBOLS) {
		size_t count = total - at < SYMBOLS ? (size_t)(total - at) : SYMBOLS;
		int error = read_exact(search->fd, symbols, count * sizeof(symbols[0]),
			search->table.sh_offset + at * sizeof(symbols[0]));

		if (error)
			return error;
		for (size_t i = 0; i < count; i++)
			if (symbols[i].st_shndx != SHN_UNDEF)
				found += match_symbol(search, &symbols[i]);
	}
	return found;
}

int elf_file_symbols(int fd, struct elf_file_symbol *symbols, size_t count)
{
	struct search search = {.fd = fd, .symbols = symbols, .count = count};
	int error;

	if (count > ELF_FILE_SYMBOLS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < count; i++) {
		if (strlen(symbols[i].name) >= ELF_FILE_NAME_MAX)
			return -EINVAL;
		symbols[i].found = false;
	}
	error = find_table(&search);
	if (!error)
		error = find_names(&search);
	return error ? error : find_symbols(&search);
}
