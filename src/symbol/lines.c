/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lines.c - see lines.h. Two indexes, both built when first needed: units by address (once a
 * file), functions by address (once a unit). Sources: DWARF 5 sections 2.17 (ranges), 3.3
 * (subroutines), 3.3.8 (inlined instances).
 */
#include "lines.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "entry_name.h"

enum {
	NAMESPACE_DEPTH_MAX = 16, /* of namespaces, classes, functions and blocks in each other */
	ENTRIES_MAX =
		100000000, /* debugging entries looked at in one file: corrupt siblings may loop */
	OVERLAPS_MAX = 16, /* ranges that begin before an address and may still hold it */
	FILE_NAME_MAX = 4096,
};

/* Code of one unit or function. */
struct range {
	uint64_t start, end;
	Dwarf_Off entry; /* of the debugging entry */
};

struct ranges {
	struct range *entries;
	size_t count, capacity;
};

struct unit {
	Dwarf_Off entry;
	bool has_locals; /* functions inside functions are indexed as well */
	struct ranges functions;
};

struct lines {
	Dwarf *dwarf;
	struct ranges units;
	/* Units that were looked into; a recording needs few of them. */
	struct unit *opened;
	size_t opened_count;
	unsigned entries_seen;
	bool exhausted;               /* out of memory or entries: what is indexed by then counts */
	char *files[PLACE_DEPTH_MAX]; /* of the last look-up */
	char *names[PLACE_DEPTH_MAX]; /* likewise, those that had to be put together */
};

static void ranges_add(struct lines *lines, struct ranges *ranges, const struct range *range)
{
	if (range->start >= range->end || range->start == 0)
		return; /* code that the linker dropped keeps its entry, at address 0 */
	if (ranges->count == ranges->capacity) {
		size_t capacity = ranges->capacity ? ranges->capacity * 2 : 64;
		void *grown = reallocarray(ranges->entries, capacity, sizeof(*ranges->entries));

		if (!grown) {
			lines->exhausted = true;
			return;
		}
		ranges->entries = grown;
		ranges->capacity = capacity;
	}
	ranges->entries[ranges->count++] = *range;
}

static void ranges_add_entry(struct lines *lines, struct ranges *ranges, Dwarf_Die *die)
{
	struct range range = {.entry = dwarf_dieoffset(die)};
	Dwarf_Addr base;
	ptrdiff_t offset = 0;

	while ((offset = dwarf_ranges(die, offset, &base, &range.start, &range.end)) > 0) {
		if (++lines->entries_seen > ENTRIES_MAX)
			lines->exhausted = true;
		if (lines->exhausted)
			return;
		ranges_add(lines, ranges, &range);
	}
}

static int compare(const void *left, const void *right)
{
	const struct range *a = left, *b = right;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return (a->end < b->end) - (a->end > b->end);
}

static void ranges_sort(struct ranges *ranges)
{
	if (ranges->count)
		qsort(ranges->entries, ranges->count, sizeof(*ranges->entries), compare);
}

static const struct range *ranges_find(const struct ranges *ranges, uint64_t address)
{
	size_t low = 0, high = ranges->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ranges->entries[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t i = 0; i < OVERLAPS_MAX && i < low; i++) {
		const struct range *range = ranges->entries + low - 1 - i;

		if (address < range->end)
			return range;
	}
	return NULL;
}

static void index_units(struct lines *lines)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Die die;
	uint8_t type;

	while (!lines->exhausted &&
		dwarf_get_units(lines->dwarf, unit, &unit, NULL, &type, &die, NULL) == 0) {
		if (type == DW_UT_compile || type == DW_UT_skeleton)
			ranges_add_entry(lines, &lines->units, &die);
	}
	ranges_sort(&lines->units);
}

int lines_open(struct lines **ret, Elf *elf)
{
	struct lines *lines = calloc(1, sizeof(*lines));

	if (!lines)
		return -ENOMEM;
	lines->dwarf = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
	if (lines->dwarf)
		index_units(lines);
	if (!lines->units.count) {
		lines_free(lines);
		return -ENOENT;
	}
	*ret = lines;
	return 0;
}

static void forget_texts(struct lines *lines)
{
	for (size_t i = 0; i < PLACE_DEPTH_MAX; i++) {
		free(lines->files[i]);
		lines->files[i] = NULL;
		free(lines->names[i]);
		lines->names[i] = NULL;
	}
}

void lines_free(struct lines *lines)
{
	if (!lines)
		return;
	forget_texts(lines);
	for (size_t i = 0; i < lines->opened_count; i++)
		free(lines->opened[i].functions.entries);
	free(lines->opened);
	free(lines->units.entries);
	dwarf_end(lines->dwarf);
	free(lines);
}

/* Goes over what a unit declares, into namespaces and classes, and notes each function with code.
 */
/* NOLINTNEXTLINE(misc-no-recursion): bounded by NAMESPACE_DEPTH_MAX */
static void index_functions(
	struct lines *lines, struct unit *unit, Dwarf_Die *parent, unsigned depth)
{
	Dwarf_Die die;

	if (depth > NAMESPACE_DEPTH_MAX || dwarf_child(parent, &die) != 0)
		return;
	do {
		if (++lines->entries_seen > ENTRIES_MAX)
			lines->exhausted = true;
		switch (dwarf_tag(&die)) {
		case DW_TAG_subprogram:
			ranges_add_entry(lines, &unit->functions, &die);
			if (unit->has_locals)
				index_functions(lines, unit, &die, depth + 1);
			break;
		case DW_TAG_lexical_block:
			if (unit->has_locals)
				index_functions(lines, unit, &die, depth + 1);
			break;
		case DW_TAG_namespace:
		case DW_TAG_module:
		case DW_TAG_class_type:
		case DW_TAG_structure_type:
		case DW_TAG_union_type:
		case DW_TAG_enumeration_type:
			index_functions(lines, unit, &die, depth + 1);
			break;
		default:
			break;
		}
	} while (!lines->exhausted && dwarf_siblingof(&die, &die) == 0);
}

static struct unit *open_unit(struct lines *lines, Dwarf_Die *die)
{
	Dwarf_Off entry = dwarf_dieoffset(die);
	struct unit *unit;
	void *grown;

	for (size_t i = 0; i < lines->opened_count; i++) {
		if (lines->opened[i].entry == entry)
			return lines->opened + i;
	}
	grown = reallocarray(lines->opened, lines->opened_count + 1, sizeof(*lines->opened));
	if (!grown)
		return NULL;
	lines->opened = grown;
	unit = lines->opened + lines->opened_count++;
	*unit = (struct unit){.entry = entry};
	index_functions(lines, unit, die, 0);
	ranges_sort(&unit->functions);
	return unit;
}

/* Local functions (lambdas, methods of local classes) lie deep in the unit: they are looked for
 * only where something has no other function. */
static const struct range *find_function(
	struct lines *lines, struct unit *unit, Dwarf_Die *die, uint64_t address)
{
	const struct range *range = ranges_find(&unit->functions, address);

	if (range || unit->has_locals)
		return range;
	unit->has_locals = true;
	unit->functions.count = 0;
	index_functions(lines, unit, die, 0);
	ranges_sort(&unit->functions);
	return ranges_find(&unit->functions, address);
}

static bool is_block(Dwarf_Die *die)
{
	switch (dwarf_tag(die)) {
	case DW_TAG_inlined_subroutine:
	case DW_TAG_lexical_block:
	case DW_TAG_try_block:
	case DW_TAG_catch_block:
	case DW_TAG_with_stmt:
		return true;
	default:
		return false;
	}
}

/* The innermost block of `parent` that holds the address becomes `ret`. */
static bool find_block(struct lines *lines, Dwarf_Die *parent, uint64_t address, Dwarf_Die *ret)
{
	Dwarf_Die die;

	if (dwarf_child(parent, &die) != 0)
		return false;
	do {
		if (++lines->entries_seen > ENTRIES_MAX)
			lines->exhausted = true;
		if (is_block(&die) && dwarf_haspc(&die, address) == 1) {
			*ret = die;
			return true;
		}
	} while (!lines->exhausted && dwarf_siblingof(&die, &die) == 0);
	return false;
}

/*
 * The function at an address and what was inlined there, outermost first. Returns their number.
 * Deeper than PLACE_DEPTH_MAX the innermost ones are left out.
 */
static size_t find_chain(struct lines *lines, Dwarf_Die *function, uint64_t address,
	Dwarf_Die chain[PLACE_DEPTH_MAX])
{
	Dwarf_Die at = *function;
	size_t count = 0;

	chain[count++] = at;
	/* Blocks nest in each other without functions as well; more than 1000 levels are corrupt.
	 */
	for (int level = 0; level < 1000; level++) {
		Dwarf_Die block;

		if (!find_block(lines, &at, address, &block))
			break;
		at = block;
		if (dwarf_tag(&at) != DW_TAG_inlined_subroutine)
			continue;
		if (count == PLACE_DEPTH_MAX)
			break;
		chain[count++] = at;
	}
	return count;
}

static uint32_t number(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	/* Of this entry alone: where a call stands is no property of the function that was called.
	 */
	if (!dwarf_attr(die, name, &attribute) || dwarf_formudata(&attribute, &value) != 0 ||
		value > INT32_MAX)
		return 0;
	return (uint32_t)value;
}

static const char *file_name(Dwarf_Die *unit, uint32_t index)
{
	Dwarf_Files *files;
	size_t count;

	if (dwarf_getsrcfiles(unit, &files, &count) != 0 || index >= count)
		return NULL;
	return dwarf_filesrc(files, index, NULL, NULL);
}

static bool same_file(const char *a, const char *b)
{
	const char *a_base = strrchr(a, '/'), *b_base = strrchr(b, '/');

	/* Units of one program may spell a file's folder differently. */
	return strcmp(a_base ? a_base : a, b_base ? b_base : b) == 0;
}

/* Where the address is, in `file`; a line of another file (an included piece of code) is not the
 * function's. */
static void set_position(struct place *place, const char *file, uint32_t line, uint32_t column)
{
	if (!file)
		return;
	if (!place->file)
		place->file = file;
	if (same_file(place->file, file)) {
		place->line = line;
		place->column = column;
	}
}

static void set_innermost_position(struct place *place, Dwarf_Die *unit, uint64_t address)
{
	Dwarf_Line *row = dwarf_getsrc_die(unit, address);
	int line = 0, column = 0;

	if (!row || dwarf_lineno(row, &line) != 0 || line <= 0)
		return;
	dwarf_linecol(row, &column);
	set_position(place, dwarf_linesrc(row, NULL, NULL), (uint32_t)line,
		column > 0 ? (uint32_t)column : 0);
}

/*
 * Takes "//", "/./" and "/../" out of an absolute path, in place. By its text alone: the folders of
 * the machine that compiled it are not here to ask about links.
 */
static void simplify(char *path)
{
	char *out = path;
	const char *in = path;

	while (*in == '/') {
		size_t length = strcspn(in + 1, "/") + 1;

		if (length == 3 && in[1] == '.' && in[2] == '.') {
			while (out > path && *--out != '/')
				continue;
		} else if (length > 1 && !(length == 2 && in[1] == '.')) {
			memmove(out, in, length);
			out += length;
		}
		in += length;
	}
	*out = '\0';
}

/* The file's name, absolute as far as the unit says where it was compiled. */
static void complete_file(struct lines *lines, struct place *place, size_t index, Dwarf_Die *unit)
{
	Dwarf_Attribute attribute;
	const char *folder = NULL;
	char *name;

	if (!place->file || strlen(place->file) > FILE_NAME_MAX)
		return;
	if (place->file[0] != '/' && dwarf_attr(unit, DW_AT_comp_dir, &attribute))
		folder = dwarf_formstring(&attribute);
	if (folder && strlen(folder) > FILE_NAME_MAX)
		return;
	if (asprintf(&name, "%s%s%s", folder ? folder : "", folder ? "/" : "", place->file) < 0)
		return;
	if (name[0] == '/')
		simplify(name);
	lines->files[index] = name;
	place->file = name;
}

/* libdw takes the number 0 for no file. Since DWARF 5 (6.2.4) it is the unit's own, and clang uses
 * it. */
static const char *declared_file(Dwarf_Die *die)
{
	const char *file = dwarf_decl_file(die);
	Dwarf_Attribute attribute;
	Dwarf_Word index;
	Dwarf_Half version;
	Dwarf_Die unit;

	if (file || !dwarf_attr_integrate(die, DW_AT_decl_file, &attribute) ||
		dwarf_formudata(&attribute, &index) != 0 || index != 0 ||
		!dwarf_cu_die(attribute.cu, &unit, &version, NULL, NULL, NULL, NULL, NULL) ||
		version < 5)
		return file;
	return file_name(&unit, 0);
}

/* What a function's entry says of it, whatever the address. */
static struct place declared_place(struct lines *lines, size_t index, Dwarf_Die *die)
{
	struct place place = {.name = entry_linkage_name(die)};
	Dwarf_Die declared = *die;
	int line = 0;

	if (!place.name) {
		lines->names[index] =
			entry_scoped_name(die, &declared, &lines->entries_seen, ENTRIES_MAX);
		place.name = lines->names[index] ? lines->names[index] : dwarf_diename(die);
	}
	place.file = declared_file(&declared);
	if (dwarf_decl_line(&declared, &line) == 0 && line > 0)
		place.function_line = (uint32_t)line;
	return place;
}

size_t lines_lookup(struct lines *lines, uint64_t address, struct place places[PLACE_DEPTH_MAX])
{
	const struct range *range = ranges_find(&lines->units, address);
	Dwarf_Die unit_die, function, chain[PLACE_DEPTH_MAX];
	struct unit *unit;
	size_t count = 0;

	forget_texts(lines);
	if (!range || !dwarf_offdie(lines->dwarf, range->entry, &unit_die))
		return 0;
	unit = open_unit(lines, &unit_die);
	range = unit ? find_function(lines, unit, &unit_die, address) : NULL;
	if (range && dwarf_offdie(lines->dwarf, range->entry, &function))
		count = find_chain(lines, &function, address, chain);
	for (size_t i = 0; i < count; i++) {
		Dwarf_Die *die = chain + count - 1 - i;
		struct place *place = places + i;

		*place = declared_place(lines, i, die);
		if (i > 0)
			set_position(place, file_name(&unit_die, number(die + 1, DW_AT_call_file)),
				number(die + 1, DW_AT_call_line),
				number(die + 1, DW_AT_call_column));
	}
	if (!count)
		places[count++] = (struct place){0};
	set_innermost_position(places, &unit_die, address);
	for (size_t i = 0; i < count; i++)
		complete_file(lines, places + i, i, &unit_die);
	return count;
}
