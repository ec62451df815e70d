/* SPDX-License-Identifier: Apache-2.0 */
/* module.c - see module.h. */
#include "module.h"

#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "demangle.h"
#include "elf_symbols.h"
#include "lines.h"
#include "locate.h"

enum {
	SEGMENTS_MAX = 64,
};

/* Executable bytes of the file and where the program has them. */
struct segment {
	uint64_t offset, size, address;
};

struct module {
	Elf *elf, *debug; /* debug: null if there is no separate file */
	int link_fd;      /* of a debug file found by its link; -1: none */
	struct segment segments[SEGMENTS_MAX];
	size_t segment_count;
	bool symbols_read, lines_read, frames_read;
	struct elf_symbols symbols;
	struct lines *lines;          /* null: none, or not read yet */
	Dwarf_CFI *frames;            /* of .eh_frame; null likewise */
	char *names[PLACE_DEPTH_MAX]; /* readable, of the last look-up */
};

/* Returns -ENOEXEC unless it is an ELF file of the only kind that recordings come from. */
static int open_elf(Elf **ret, int fd)
{
	GElf_Ehdr header;
	Elf *elf;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &header) ||
		header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
		header.e_machine != EM_X86_64) {
		elf_end(elf);
		return -ENOEXEC;
	}
	*ret = elf;
	return 0;
}

static bool has_build_id(Elf *elf, const void *build_id, size_t length)
{
	const void *found;
	ssize_t found_length = dwelf_elf_gnu_build_id(elf, &found);

	return found_length > 0 && (size_t)found_length == length &&
	       memcmp(found, build_id, length) == 0;
}

static void read_segments(struct module *module)
{
	size_t count;

	if (elf_getphdrnum(module->elf, &count) != 0)
		return;
	for (size_t i = 0; i < count && i < INT32_MAX && module->segment_count < SEGMENTS_MAX;
		i++) {
		GElf_Phdr header;

		if (!gelf_getphdr(module->elf, (int)i, &header))
			return;
		if (header.p_type != PT_LOAD || !(header.p_flags & PF_X))
			continue;
		module->segments[module->segment_count++] = (struct segment){
			.offset = header.p_offset,
			.size = header.p_filesz,
			.address = header.p_vaddr,
		};
	}
}

static int open_debug(struct module *module, int fd)
{
	const void *build_id;
	ssize_t length = dwelf_elf_gnu_build_id(module->elf, &build_id);
	int result;

	/* A debug file is believed only if it says that it belongs to this file. */
	if (fd < 0 || length <= 0)
		return -ENOENT;
	result = open_elf(&module->debug, fd);
	if (result < 0)
		return result;
	if (!has_build_id(module->debug, build_id, (size_t)length)) {
		elf_end(module->debug);
		module->debug = NULL;
		return -ESTALE;
	}
	return 0;
}

/* The places where GDB looks for what .gnu_debuglink names ("Debugging Information in Separate
 * Files"). */
static void open_linked_debug(struct module *module, const char *path)
{
	static const char *const patterns[] = {
		"%.*s/%s", "%.*s/.debug/%s", "/usr/lib/debug%.*s/%s"};
	GElf_Word checksum;
	const char *link = dwelf_elf_gnu_debuglink(module->elf, &checksum);
	const char *slash = strrchr(path, '/');

	if (!link || !slash || !link[0] || strchr(link, '/') || strlen(link) > 255)
		return;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
		char *candidate;
		int fd;

		if (asprintf(&candidate, patterns[i], (int)(slash - path), path, link) < 0)
			return;
		fd = locate_file(LOCATE_SYSTEM, candidate);
		free(candidate);
		if (fd < 0)
			continue;
		if (open_debug(module, fd) == 0) {
			module->link_fd = fd;
			return;
		}
		close(fd);
	}
}

int module_open(struct module **ret, const struct module_source *source)
{
	struct module *module = calloc(1, sizeof(*module));
	int result;

	if (!module)
		return -ENOMEM;
	module->link_fd = -1;
	result = open_elf(&module->elf, source->fd);
	if (result == 0 && source->build_id_length &&
		!has_build_id(module->elf, source->build_id, source->build_id_length))
		result = -ESTALE;
	if (result < 0) {
		module_free(module);
		return result;
	}
	read_segments(module);
	if (open_debug(module, source->debug_fd) < 0)
		open_linked_debug(module, source->path);
	*ret = module;
	return 0;
}

static void forget_names(struct module *module)
{
	for (size_t i = 0; i < PLACE_DEPTH_MAX; i++) {
		free(module->names[i]);
		module->names[i] = NULL;
	}
}

void module_free(struct module *module)
{
	if (!module)
		return;
	forget_names(module);
	lines_free(module->lines);
	dwarf_cfi_end(module->frames);
	elf_symbols_done(&module->symbols);
	elf_end(module->debug);
	elf_end(module->elf);
	if (module->link_fd >= 0)
		close(module->link_fd);
	free(module);
}

/*
 * The virtual address of an offset, by the file's own program headers: unlike the recorded bias
 * this also holds for a piece of the file that is mapped a second time (V8's embedded builtins).
 * False: there is no code.
 */
static bool virtual_address(const struct module *module, uint64_t offset, uint64_t *ret)
{
	for (size_t i = 0; i < module->segment_count; i++) {
		const struct segment *segment = module->segments + i;

		if (offset >= segment->offset && offset - segment->offset < segment->size) {
			*ret = segment->address + (offset - segment->offset);
			return true;
		}
	}
	return false;
}

bool module_has_code(const struct module *module, uint64_t offset)
{
	uint64_t address;

	return virtual_address(module, offset, &address);
}

/* .symtab has everything that .dynsym has; stripping takes it away, or moves it to the debug file.
 */
static void read_symbols(struct module *module)
{
	struct elf_symbols *symbols = &module->symbols;

	module->symbols_read = true;
	if (elf_symbols_add(symbols, module->elf, SHT_SYMTAB) <= 0 && module->debug)
		elf_symbols_add(symbols, module->debug, SHT_SYMTAB);
	if (!symbols->count)
		elf_symbols_add(symbols, module->elf, SHT_DYNSYM);
	elf_symbols_sort(symbols);
}

static void read_lines(struct module *module)
{
	module->lines_read = true;
	if (lines_open(&module->lines, module->elf) < 0 && module->debug)
		lines_open(&module->lines, module->debug);
}

/*
 * A name that is mangled or has scopes is the most that can be known, and inlined copies bear it
 * too. Else a symbol is better than DWARF's name, which for a function with several names may be
 * the internal one.
 */
static void name_outermost(struct module *module, struct place *place, uint64_t address)
{
	const struct elf_symbol *symbol;

	if (place->name && (!strncmp(place->name, "_Z", 2) || !strncmp(place->name, "_R", 2) ||
				   strstr(place->name, "::")))
		return;
	symbol = elf_symbols_find(&module->symbols, address);
	if (symbol)
		place->name = symbol->name;
}

/* Where the function at an address begins, by the table for exceptions, which no stripping takes
 * away. 0: unknown. */
static uint64_t start_of_function(struct module *module, uint64_t address)
{
	Dwarf_Addr start = 0, end;
	Dwarf_Frame *frame;

	if (!module->frames_read)
		module->frames = dwarf_getcfi_elf(module->elf);
	module->frames_read = true;
	if (!module->frames || dwarf_cfi_addrframe(module->frames, address, &frame) != 0)
		return 0;
	dwarf_frame_info(frame, &start, &end, NULL);
	free(frame);
	return start;
}

size_t module_lookup(struct module *module, uint64_t offset, struct place places[PLACE_DEPTH_MAX])
{
	uint64_t address;
	size_t count = 0;

	forget_names(module);
	if (!virtual_address(module, offset, &address))
		return 0;
	if (!module->symbols_read)
		read_symbols(module);
	if (!module->lines_read)
		read_lines(module);
	if (module->lines)
		count = lines_lookup(module->lines, address, places);
	if (!count)
		places[count++] = (struct place){0};
	name_outermost(module, places + count - 1, address);
	for (size_t i = 0; i < count; i++) {
		if (places[i].name)
			module->names[i] = demangle(places[i].name);
		places[i].name = module->names[i];
	}
	/* A line without a function helps nobody who looks for one, but it does say where to look.
	 */
	if (places[count - 1].name || places[count - 1].line)
		return count;
	places[0] = (struct place){.start = start_of_function(module, address)};
	return places[0].start ? 1 : 0;
}
