/* SPDX-License-Identifier: Apache-2.0 */
#include "v8_image.h"

#include <errno.h>
#include <string.h>

#include "elf_file.h"
#include "format.h"
#include "process_file.h"
#include "sys.h"

#define BYTECODE_SIZES_SYMBOL "_ZN2v88internal11interpreter9Bytecodes14kBytecodeSizesE"

enum {
	BLOB_BYTES_MAX = 64 << 20,
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

/* Returns -1 if the module's file is not to be had. */
static int open_module(
	const struct v8_image *image, const struct lang_target *target, const struct map *map)
{
	const char *path = maps_path(target->maps, map);

	for (enum process_file_way way = 0; way < PROCESS_FILE_WAYS; way++) {
		int fd = process_file_open(target->pid, way, map->start, map->end, path);

		if (fd >= 0 && is_mapped_file(fd, image, target))
			return fd;
		if (fd >= 0)
			sys_close(fd);
	}
	return -1;
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

/*
 * The variable that a function returns, if that is all it does: an instruction that loads it
 * relative to the next one, and a return. 0 if there is no such function, or it does something
 * else.
 */
static uint64_t returned_variable(
	const struct v8_image *image, struct memory *memory, const char *symbol)
{
	uint8_t code[8], *load = code;
	uint64_t address, size;
	int32_t distance;

	if (image_symbol(&image->image, memory, symbol, &address, &size) ||
		memory_exact(memory, address, code, sizeof(code)))
		return 0;
	if (load[0] == 0x48) /* eight bytes, not four */
		load++;
	if (load[0] != 0x8b || load[1] != 0x05 || load[6] != 0xc3) /* mov rax, [rip + n]; ret */
		return 0;
	memcpy(&distance, load + 2, sizeof(distance));
	return address + (uint64_t)(load - code) + 6 + (uint64_t)(int64_t)distance;
}

/* Until version 12, V8 exported two functions that say where the builtins are. Returns whether it
 * has them. */
static bool find_blob(struct v8_image *image, struct memory *memory)
{
	image->blob_variable = returned_variable(
		image, memory, "_ZN2v88internal7Isolate23CurrentEmbeddedBlobCodeEv");
	image->blob_size_variable = returned_variable(
		image, memory, "_ZN2v88internal7Isolate27CurrentEmbeddedBlobCodeSizeEv");
	return image->blob_variable && image->blob_size_variable;
}

/* The first place; it is known once V8 has initialised itself. */
static bool read_blob(struct v8_image *image, const struct lang_target *target)
{
	uint64_t start = image->blob_address;
	const struct map *map;
	uint32_t size;

	if ((image->blob_variable && memory_u64(target->memory, image->blob_variable, &start)) ||
		memory_u32(target->memory, image->blob_size_variable, &size) || !start || !size ||
		size > BLOB_BYTES_MAX)
		return false;
	map = maps_find(target->maps, start);
	if (!map || !(map->protection & MAP_EXECUTE))
		return false;
	image->blob[0] = (struct v8_range){start, start + size};
	return true;
}

static bool read_bytecode_sizes(
	struct v8_image *image, struct memory *memory, uint64_t address, uint64_t size)
{
	if (!size || size > V8_BYTECODE_SIZES_MAX || size % 3 ||
		memory_exact(memory, address, image->bytecode_sizes, size))
		return false;
	image->sizes = (struct v8_bytecode_sizes){image->bytecode_sizes, size / 3};
	return true;
}

static bool find_bytecode_sizes(struct v8_image *image, struct memory *memory)
{
	uint64_t address, size;

	return !image_symbol(&image->image, memory, BYTECODE_SIZES_SYMBOL, &address, &size) &&
	       read_bytecode_sizes(image, memory, address, size);
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

	image->blob_count = 0;
	if (!read_blob(image, target))
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

/* v8::internal::Heap::CollectGarbage, to V8 14 and in it. */
static const char *const collectors[] = {
	"_ZN2v88internal4Heap14CollectGarbageENS0_15AllocationSpaceENS0_"
	"23GarbageCollectionReasonENS_"
	"15GCCallbackFlagsE",
	"_ZN2v88internal4Heap14CollectGarbageENS0_15AllocationSpaceENS0_"
	"23GarbageCollectionReasonENS_"
	"15GCCallbackFlagsENS0_21PerformHeapLimitCheckENS0_34PerformIneffectiveMarkCompactCheckE",
};

static void set_collector(struct v8_image *image, uint64_t address, uint64_t size)
{
	image->collector = (struct v8_range){address, address + size};
}

static void find_collector(struct v8_image *image, struct memory *memory)
{
	uint64_t address, size;

	for (size_t i = 0; i < sizeof(collectors) / sizeof(collectors[0]); i++) {
		if (!image_symbol(&image->image, memory, collectors[i], &address, &size))
			set_collector(image, address, size);
	}
}

/* What is not among the dynamic symbols, from the file's own; a stripped file has none. */
static void find_in_file(
	struct v8_image *image, const struct lang_target *target, const struct map *map)
{
	enum { BLOB_CODE, BLOB_SIZE, BYTECODE_SIZES, COLLECTOR, COLLECTOR_14, COUNT };
	struct elf_file_symbol symbols[COUNT] = {
		[BLOB_CODE] = {.name = "v8_Default_embedded_blob_code_"},
		[BLOB_SIZE] = {.name = "v8_Default_embedded_blob_code_size_"},
		[BYTECODE_SIZES] = {.name = BYTECODE_SIZES_SYMBOL},
		[COLLECTOR] = {.name = collectors[0]},
		[COLLECTOR_14] = {.name = collectors[1]},
	};
	uint64_t bias = image->image.bias;
	int fd = open_module(image, target, map);

	if (fd < 0)
		return;
	elf_file_symbols(fd, symbols, COUNT);
	sys_close(fd);
	if (!image->blob_variable && symbols[BLOB_CODE].found && symbols[BLOB_SIZE].found) {
		image->blob_address = bias + symbols[BLOB_CODE].value;
		image->blob_size_variable = bias + symbols[BLOB_SIZE].value;
	}
	if (!image->sizes.sizes && symbols[BYTECODE_SIZES].found)
		read_bytecode_sizes(image, target->memory, bias + symbols[BYTECODE_SIZES].value,
			symbols[BYTECODE_SIZES].size);
	for (size_t i = COLLECTOR; i < COUNT; i++) {
		if (symbols[i].found)
			set_collector(image, bias + symbols[i].value, symbols[i].size);
	}
}

static void read_rest(
	struct v8_image *image, const struct lang_target *target, const struct map *map)
{
	bool complete;

	read_runtime(image, target->memory);
	complete = find_blob(image, target->memory);
	complete &= find_bytecode_sizes(image, target->memory);
	find_collector(image, target->memory);
	if (!complete)
		find_in_file(image, target, map);
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
