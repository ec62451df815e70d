/* SPDX-License-Identifier: Apache-2.0 */
#include "image.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

enum {
	PROGRAM_HEADERS_MAX = 64,
	DYNAMIC_ENTRIES_MAX = 256,
	NOTE_BYTES_MAX = 4096,
	SYMBOL_NAME_MAX = 512,
	CHAIN_MAX = 4096,
};

/* "GNU" build id in a note segment. */
static void read_build_id(
	struct image *image, struct memory *memory, uint64_t address, uint64_t size)
{
	uint64_t at = 0;

	if (size > NOTE_BYTES_MAX)
		size = NOTE_BYTES_MAX;
	while (at + sizeof(Elf64_Nhdr) <= size) {
		Elf64_Nhdr note;
		char name[4];
		uint64_t name_bytes, bytes;

		if (memory_exact(memory, address + at, &note, sizeof(note)))
			return;
		name_bytes = ((uint64_t)note.n_namesz + 3) & ~3ull;
		bytes = ((uint64_t)note.n_descsz + 3) & ~3ull;
		at += sizeof(note);
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
			!memory_exact(memory, address + at, name, 4) && !memcmp(name, "GNU", 4) &&
			note.n_descsz <= sizeof(image->build_id)) {
			if (!memory_exact(memory, address + at + name_bytes, image->build_id,
				    note.n_descsz))
				image->build_id_length = (uint8_t)note.n_descsz;
			return;
		}
		at += name_bytes + bytes;
	}
}

/* The loader relocates these pointers in place (glibc) or leaves virtual addresses (musl, vdso). */
static uint64_t relocated(const struct image *image, uint64_t value)
{
	return value < image->start ? image->bias + value : value;
}

static void read_dynamic(struct image *image, struct memory *memory, uint64_t address)
{
	for (int i = 0; i < DYNAMIC_ENTRIES_MAX; i++) {
		Elf64_Dyn entry;

		if (memory_exact(
			    memory, address + (uint64_t)i * sizeof(entry), &entry, sizeof(entry)) ||
			entry.d_tag == DT_NULL)
			return;
		switch (entry.d_tag) {
		case DT_SYMTAB:
			image->symbol_table = relocated(image, entry.d_un.d_ptr);
			break;
		case DT_STRTAB:
			image->string_table = relocated(image, entry.d_un.d_ptr);
			break;
		case DT_STRSZ:
			image->string_size = entry.d_un.d_val;
			break;
		case DT_GNU_HASH:
			image->gnu_hash = relocated(image, entry.d_un.d_ptr);
			break;
		}
	}
}

int image_open(struct image *ret, struct memory *memory, uint64_t base)
{
	Elf64_Phdr headers[PROGRAM_HEADERS_MAX];
	struct image image = {.start = UINT64_MAX};
	Elf64_Ehdr elf;
	size_t count;
	bool placed = false;

	if (memory_exact(memory, base, &elf, sizeof(elf)))
		return -EFAULT;
	if (memcmp(elf.e_ident, ELFMAG, SELFMAG) || elf.e_ident[EI_CLASS] != ELFCLASS64 ||
		elf.e_ident[EI_DATA] != ELFDATA2LSB || elf.e_machine != EM_X86_64 ||
		elf.e_phentsize != sizeof(Elf64_Phdr))
		return -ENOEXEC;
	count = elf.e_phnum < PROGRAM_HEADERS_MAX ? elf.e_phnum : PROGRAM_HEADERS_MAX;
	if (memory_exact(memory, base + elf.e_phoff, headers, count * sizeof(headers[0])))
		return -EFAULT;
	for (size_t i = 0; i < count && !placed; i++) {
		if (headers[i].p_type == PT_LOAD && headers[i].p_offset == 0) {
			image.bias = base - headers[i].p_vaddr;
			placed = true;
		}
	}
	if (!placed)
		return -ENOEXEC;
	for (size_t i = 0; i < count; i++) {
		uint64_t start = image.bias + headers[i].p_vaddr;

		if (headers[i].p_type != PT_LOAD)
			continue;
		if (start < image.start)
			image.start = start;
		if (start + headers[i].p_memsz > image.end)
			image.end = start + headers[i].p_memsz;
	}
	for (size_t i = 0; i < count; i++) {
		uint64_t address = image.bias + headers[i].p_vaddr;

		if (headers[i].p_type == PT_GNU_EH_FRAME) {
			image.eh_frame_header = address;
			image.eh_frame_header_size = headers[i].p_memsz;
		} else if (headers[i].p_type == PT_NOTE && !image.build_id_length) {
			read_build_id(&image, memory, address, headers[i].p_memsz);
		} else if (headers[i].p_type == PT_DYNAMIC) {
			read_dynamic(&image, memory, address);
		}
	}
	*ret = image;
	return 0;
}

const struct map *image_first_map(const struct maps *maps, const struct map *map)
{
	const struct map *at = map;

	while (at->offset) {
		if (at == maps->entries)
			return NULL;
		at--;
		/* An image's mappings stand together, with at most anonymous ones between them. */
		if (at->inode && (at->inode != map->inode || at->device != map->device))
			return NULL;
	}
	return at->inode == map->inode && at->device == map->device ? at : NULL;
}

static uint32_t gnu_hash(const char *name)
{
	uint32_t hash = 5381;

	while (*name)
		hash = hash * 33 + (uint8_t)*name++;
	return hash;
}

static bool symbol_is(const struct image *image, struct memory *memory, const Elf64_Sym *symbol,
	const char *name, size_t length)
{
	char text[SYMBOL_NAME_MAX];

	if (symbol->st_name >= image->string_size || symbol->st_shndx == SHN_UNDEF)
		return false;
	return !memory_exact(memory, image->string_table + symbol->st_name, text, length + 1) &&
	       !memcmp(text, name, length + 1);
}

int image_symbol(const struct image *image, struct memory *memory, const char *name,
	uint64_t *ret_address, uint64_t *ret_size)
{
	/* Layout of DT_GNU_HASH: four words, the bloom filter, the buckets, the chains. */
	struct {
		uint32_t buckets, first_symbol, bloom_words, bloom_shift;
	} header;
	uint32_t hash = gnu_hash(name), index, link;
	uint64_t buckets, chains, bloom;
	size_t length = strlen(name);

	if (!image->gnu_hash || !image->symbol_table || !image->string_table ||
		length >= SYMBOL_NAME_MAX)
		return -ENOENT;
	if (memory_exact(memory, image->gnu_hash, &header, sizeof(header)) || !header.buckets ||
		!header.bloom_words)
		return -ENOENT;
	if (memory_u64(memory, image->gnu_hash + 16 + 8ull * ((hash / 64) % header.bloom_words),
		    &bloom) ||
		!(bloom >> (hash % 64) & 1) ||
		!(bloom >> ((hash >> (header.bloom_shift & 31)) % 64) & 1))
		return -ENOENT;
	buckets = image->gnu_hash + 16 + 8ull * header.bloom_words;
	chains = buckets + 4ull * header.buckets;
	if (memory_u32(memory, buckets + 4ull * (hash % header.buckets), &index) ||
		index < header.first_symbol)
		return -ENOENT;
	for (int step = 0; step < CHAIN_MAX; step++, index++) {
		Elf64_Sym symbol;

		if (memory_u32(memory, chains + 4ull * (index - header.first_symbol), &link))
			return -ENOENT;
		if ((link | 1) == (hash | 1)) {
			if (memory_exact(memory, image->symbol_table + sizeof(symbol) * index,
				    &symbol, sizeof(symbol)))
				return -ENOENT;
			if (symbol_is(image, memory, &symbol, name, length)) {
				*ret_address = image->bias + symbol.st_value;
				*ret_size = symbol.st_size;
				return 0;
			}
		}
		if (link & 1)
			return -ENOENT;
	}
	return -ENOENT;
}
