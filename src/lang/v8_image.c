/* SPDX-License-Identifier: Apache-2.0 */
#include "v8_image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "elf_file.h"
#include "format.h"
#include "sys.h"

enum {
	BLOB_BYTES_MAX = 64 << 20,
	PATH_BYTES = 1024,
	FIRST_PAGE = 4096,
	VERSION_BYTES = 32,
};

/* Whether the file is the one that is mapped: a path may name a newer one by now. */
static bool is_mapped_file(int fd, const struct v8_image *image, const struct lang_target *target)
{
	uint8_t file[FIRST_PAGE], memory[FIRST_PAGE];

	return sys_pread(fd, file, FIRST_PAGE, 0) == FIRST_PAGE &&
	       !memory_exact(target->memory, image->image.start, memory, FIRST_PAGE) &&
	       !memcmp(file, memory, FIRST_PAGE);
}

/* Opens a file of /proc/PID, if it is the module's. Returns -1 if not. */
static int open_proc(const struct v8_image *image, const struct lang_target *target,
	const char *name, const char *path)
{
	char buffer[PATH_BYTES];
	struct format format;
	int fd;

	format_init(&format, buffer, sizeof(buffer));
	format_text(&format, "/proc/");
	format_unsigned(&format, (uint64_t)target->pid);
	format_text(&format, name);
	format_text(&format, path);
	fd = sys_open(buffer, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0);
	if (fd >= 0 && !is_mapped_file(fd, image, target)) {
		sys_close(fd);
		return -1;
	}
	return fd;
}

/* The module is the executable, or lies at a path in the target's root. */
static int open_module(
	const struct v8_image *image, const struct lang_target *target, const struct map *map)
{
	int fd = open_proc(image, target, "/exe", "");

	return fd >= 0 ? fd : open_proc(image, target, "/root", maps_path(target->maps, map));
}

/* "node 20.20.2" from node::per_process::metadata, whose first member is the version, a
 * std::string. */
static void read_runtime(struct v8_image *image, struct memory *memory)
{
	struct {
		uint64_t text, length;
	} string;
	char version[VERSION_BYTES] = "";
	uint64_t address, size;
	struct format format;

	format_init(&format, image->runtime, sizeof(image->runtime));
	if (!image_symbol(
		    &image->image, memory, "_ZN4node11per_process8metadataE", &address, &size) &&
		!memory_exact(memory, address, &string, sizeof(string)) &&
		string.length < VERSION_BYTES &&
		!memory_exact(memory, string.text, version, string.length) && version[0] >= '0' &&
		version[0] <= '9') {
		format_text(&format, "node ");
		format_bytes(&format, version, string.length);
		return;
	}
	format_text(&format, "v8 ");
	format_unsigned(&format, (uint64_t)image->layout.version / 100);
	format_text(&format, ".");
	format_unsigned(&format, (uint64_t)image->layout.version % 100);
}

enum { BLOB_CODE_OLD, BLOB_CODE, BLOB_SIZE, BYTECODE_SIZES, FILE_SYMBOLS };

/* Symbols that are not among the dynamic ones. Those that are not found stay so. */
static void read_file_symbols(const struct v8_image *image, const struct lang_target *target,
	const struct map *map, struct elf_file_symbol symbols[FILE_SYMBOLS])
{
	int fd;

	/* V8 10: the blob is at ..._data_, and v8_Default_embedded_blob_code_ is a variable. */
	symbols[BLOB_CODE_OLD].name = "v8_Default_embedded_blob_code_data_";
	symbols[BLOB_CODE].name = "v8_Default_embedded_blob_code_";
	symbols[BLOB_SIZE].name = "v8_Default_embedded_blob_code_size_";
	symbols[BYTECODE_SIZES].name = "_ZN2v88internal11interpreter9Bytecodes14kBytecodeSizesE";
	fd = open_module(image, target, map);
	if (fd < 0)
		return;
	elf_file_symbols(fd, symbols, FILE_SYMBOLS);
	sys_close(fd);
}

static void read_blob(struct v8_image *image, const struct lang_target *target,
	const struct elf_file_symbol symbols[FILE_SYMBOLS])
{
	const struct elf_file_symbol *code =
		&symbols[symbols[BLOB_CODE_OLD].found ? BLOB_CODE_OLD : BLOB_CODE];
	uint64_t start = image->image.bias + code->value;
	const struct map *map;
	uint32_t size;

	if (!code->found || !symbols[BLOB_SIZE].found ||
		memory_u32(target->memory, image->image.bias + symbols[BLOB_SIZE].value, &size) ||
		size > BLOB_BYTES_MAX)
		return;
	map = maps_find(target->maps, start);
	if (!map || !(map->protection & MAP_EXECUTE))
		return;
	image->blob[0] = (struct v8_range){start, start + size};
	image->blob_count = 1;
}

static void read_bytecode_sizes(struct v8_image *image, const struct lang_target *target,
	const struct elf_file_symbol *symbol)
{
	uint64_t address = image->image.bias + symbol->value, size = symbol->size;

	if (!symbol->found &&
		image_symbol(&image->image, target->memory, symbol->name, &address, &size))
		return;
	if (size > V8_BYTECODE_SIZES_MAX || size % 3 ||
		memory_exact(target->memory, address, image->bytecode_sizes, size))
		return;
	image->sizes = (struct v8_bytecode_sizes){image->bytecode_sizes, size / 3};
}

/* The part of the blob that a mapping shows, if it maps the same bytes of the same file. */
static bool shows_blob(const struct map *map, const struct map *original,
	const struct v8_range *blob, struct v8_range *ret)
{
	uint64_t from = original->offset + (blob->start - original->start);
	uint64_t to = from + (blob->end - blob->start);
	uint64_t map_to = map->offset + (map->end - map->start);

	if (!(map->protection & MAP_EXECUTE) || map->inode != original->inode ||
		map->device != original->device || map->offset >= to || map_to <= from)
		return false;
	if (map->offset > from)
		from = map->offset;
	if (map_to < to)
		to = map_to;
	*ret = (struct v8_range){
		map->start + (from - map->offset), map->start + (to - map->offset)};
	return true;
}

void v8_image_refresh(struct v8_image *image, const struct lang_target *target)
{
	const struct maps *maps = target->maps;
	const struct map *original;
	struct v8_range range;

	if (!image->blob_count)
		return;
	image->blob_count = 1;
	original = maps_find(maps, image->blob[0].start);
	/* Text moved to huge pages has no file any more: then only the first place is known. */
	if (!original || !original->inode)
		return;
	for (size_t i = 0; i < maps->count && image->blob_count < V8_BLOB_PLACES_MAX; i++)
		if (shows_blob(&maps->entries[i], original, &image->blob[0], &range) &&
			range.start != image->blob[0].start)
			image->blob[image->blob_count++] = range;
}

bool v8_image_is_builtin(const struct v8_image *image, uint64_t pc)
{
	for (size_t i = 0; i < image->blob_count; i++)
		if (pc >= image->blob[i].start && pc < image->blob[i].end)
			return true;
	return false;
}

static void read_rest(
	struct v8_image *image, const struct lang_target *target, const struct map *map)
{
	struct elf_file_symbol symbols[FILE_SYMBOLS] = {0};

	read_runtime(image, target->memory);
	read_file_symbols(image, target, map, symbols);
	read_blob(image, target, symbols);
	read_bytecode_sizes(image, target, &symbols[BYTECODE_SIZES]);
	v8_image_refresh(image, target);
}

int v8_image_find(struct v8_image *ret, const struct lang_target *target, const char **ret_reason)
{
	const struct maps *maps = target->maps;
	const struct map *last = NULL;
	int result = -ENOENT;

	/* Node is one executable, or (Debian) a small one with V8 in a shared library. */
	for (size_t i = 0; i < maps->count; i++) {
		const struct map *map = &maps->entries[i], *first;
		int error;

		if (!(map->protection & MAP_EXECUTE) || !map->inode)
			continue;
		first = image_first_map(maps, map);
		if (!first || first == last)
			continue;
		last = first;
		*ret = (struct v8_image){0};
		if (image_open(&ret->image, target->memory, first->start))
			continue;
		error = v8_layout_read(&ret->layout, target->memory, &ret->image, ret_reason);
		if (!error) {
			read_rest(ret, target, first);
			return 0;
		}
		if (error == -ENOTSUP)
			result = error;
	}
	return result;
}
