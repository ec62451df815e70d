/* SPDX-License-Identifier: Apache-2.0 */
#include "stacks.h"

#include <errno.h>
#include <string.h>

#include "clock.h"
#include "image.h"
#include "sys.h"

enum {
	MAPS_MAX = 16384,
	NAMES_BYTES = 1 << 20,
	CODE_PAGES = 256, /* file-backed, kept between samples */
	HEAP_PAGES = 128, /* of the runtime's heap, forgotten after each sample */
	FRAMES_MAX = 256,
	MODULES_MAX = 256,
	REFRESH_NS = 100 * 1000 * 1000, /* at most so often, in the middle of a stall */
};

/* What the recording says of a mapping, kept because a build id takes a few reads to find. */
struct module {
	uint64_t first_start, inode; /* of the image's first mapping */
	uint64_t bias;
	uint8_t build_id[32];
	uint8_t build_id_length;
};

struct stacks {
	struct stacks_config config;
	struct memory_process process;
	struct memory_patched patched;
	struct memory_cache code, heap;
	struct maps maps;
	struct unwinder *unwinder;
	struct lang lang; /* ops null: no runtime */
	const char *complaint;
	uint64_t hidden_inode; /* 0: none */
	uint64_t refreshed_ns;
	struct module modules[MODULES_MAX];
	size_t module_count;
	struct unwind_frame frames[FRAMES_MAX];
};

static int open_memory(struct stacks *stacks, struct arena *arena)
{
	struct map *entries = arena_alloc(arena, MAPS_MAX * sizeof(*entries));
	char *names = arena_alloc(arena, NAMES_BYTES);
	struct memory_page *code = arena_alloc(arena, CODE_PAGES * sizeof(*code));
	struct memory_page *heap = arena_alloc(arena, HEAP_PAGES * sizeof(*heap));
	uint8_t probe;
	int rc;

	if (!entries || !names || !code || !heap)
		return -ENOMEM;
	maps_init(&stacks->maps, entries, MAPS_MAX, names, NAMES_BYTES);
	memory_process_init(&stacks->process, stacks->config.pid);
	memory_cache_init(&stacks->code, &stacks->process.memory, code, CODE_PAGES);
	memory_patched_init(&stacks->patched, &stacks->process.memory);
	memory_cache_init(&stacks->heap, &stacks->patched.memory, heap, HEAP_PAGES);
	rc = maps_load(&stacks->maps, stacks->config.pid);
	if (rc)
		return rc;
	/* The first mapping is that of the program or of one of its libraries: readable. */
	if (!stacks->maps.count ||
		memory_exact(&stacks->process.memory, stacks->maps.entries[0].start, &probe, 1))
		stacks->complaint = "process_vm_readv is refused here: no names of scripts, native "
				    "stacks cut short";
	return 0;
}

/* The folder of Holter's library: a private libunwind may lie beside it. Null: in none. */
static const char *own_folder(const struct stacks *stacks, char *buffer, size_t size)
{
	const struct map *map = maps_find(&stacks->maps, stacks->config.own_address);
	const char *path = map ? maps_path(&stacks->maps, map) : "", *slash = strrchr(path, '/');

	if (!slash || (size_t)(slash - path) >= size)
		return NULL;
	memcpy(buffer, path, (size_t)(slash - path));
	buffer[slash - path] = '\0';
	return buffer;
}

void stacks_hide(struct stacks *stacks, uint64_t address)
{
	const struct map *map = maps_find(&stacks->maps, address);

	stacks->hidden_inode = map ? map->inode : 0;
}

static void lock(const struct stacks *stacks)
{
	if (stacks->config.lock)
		stacks->config.lock();
}

static void unlock(const struct stacks *stacks)
{
	if (stacks->config.unlock)
		stacks->config.unlock();
}

static void open_lang(struct stacks *stacks, struct arena *arena)
{
	const struct lang_target target = {
		.memory = &stacks->heap.memory,
		.maps = &stacks->maps,
		.pid = stacks->config.pid,
		.arena = arena,
	};
	const char *reason = NULL;
	int rc = lang_open(&stacks->lang, &target, &reason);

	if (rc)
		stacks->lang.ops = NULL;
	if (rc == -ENOTSUP && !stacks->complaint)
		stacks->complaint = reason;
	if (!rc && stacks->lang.ops->caveat && !stacks->complaint)
		stacks->complaint = stacks->lang.ops->caveat(stacks->lang.state);
}

int stacks_open(struct stacks **ret, struct arena *arena, const struct stacks_config *config)
{
	struct stacks *stacks = arena_alloc(arena, sizeof(*stacks));
	char folder[4096];
	int rc;

	if (!stacks)
		return -ENOMEM;
	stacks->config = *config;
	rc = open_memory(stacks, arena);
	if (rc)
		return rc;
	lock(stacks);
	rc = unwinder_open(&stacks->unwinder, arena, &stacks->code.memory, &stacks->maps,
		own_folder(stacks, folder, sizeof(folder)));
	unlock(stacks);
	if (rc && rc != -ENOENT)
		return rc;
	stacks_hide(stacks, config->own_address);
	open_lang(stacks, arena);
	stacks->refreshed_ns = clock_monotonic_ns();
	*ret = stacks;
	return 0;
}

const struct lang *stacks_lang(const struct stacks *stacks)
{
	return stacks->lang.ops ? &stacks->lang : NULL;
}

const char *stacks_runtime(const struct stacks *stacks)
{
	return stacks->lang.ops ? stacks->lang.ops->runtime(stacks->lang.state) : "";
}

const char *stacks_unwinder(const struct stacks *stacks)
{
	return unwinder_name(stacks->unwinder);
}

const char *stacks_complaint(const struct stacks *stacks)
{
	return stacks->complaint;
}

const struct maps *stacks_maps(const struct stacks *stacks)
{
	return &stacks->maps;
}

void stacks_refresh(struct stacks *stacks)
{
	if (maps_load(&stacks->maps, stacks->config.pid))
		return;
	stacks->refreshed_ns = clock_monotonic_ns();
	memory_cache_drop(&stacks->code);
	unwinder_refresh(stacks->unwinder);
	if (stacks->lang.ops && stacks->lang.ops->refresh)
		stacks->lang.ops->refresh(stacks->lang.state);
}

void stacks_find_stack(
	const struct stacks *stacks, uint64_t hint, uint64_t *ret_start, uint64_t *ret_end)
{
	const struct map *map = maps_find(&stacks->maps, hint);

	*ret_start = map && (map->protection & MAP_WRITE) ? map->start : 0;
	*ret_end = *ret_start ? map->end : 0;
}

void stacks_patch(struct stacks *stacks, const struct memory_patch *patches, size_t count)
{
	stacks->patched.patches = patches;
	stacks->patched.count = count;
	memory_cache_drop(&stacks->heap);
}

static const struct module *module_of(struct stacks *stacks, const struct map *map)
{
	const struct map *first = image_first_map(&stacks->maps, map);
	struct module *module;
	struct image image;

	if (!first)
		return NULL;
	for (size_t i = 0; i < stacks->module_count; i++) {
		module = &stacks->modules[i];
		if (module->first_start == first->start && module->inode == first->inode)
			return module;
	}
	if (image_open(&image, &stacks->code.memory, first->start))
		return NULL;
	if (stacks->module_count == MODULES_MAX)
		stacks->module_count = 0;
	module = &stacks->modules[stacks->module_count++];
	*module = (struct module){
		.first_start = first->start,
		.inode = first->inode,
		.bias = image.bias,
		.build_id_length = image.build_id_length,
	};
	memcpy(module->build_id, image.build_id, sizeof(module->build_id));
	return module;
}

static void add_native(
	struct stacks *stacks, struct writer *writer, const struct unwind_frame *frame)
{
	struct writer_location location = {
		.kind = FRAME_NATIVE,
		.doubt = frame->bridged ? DOUBT_BRIDGED : DOUBT_NONE,
		.address = frame->pc,
	};
	const struct map *map = maps_find(&stacks->maps, frame->pc);
	struct record_mapping mapping;
	const struct module *module;

	/* The hook between the server and its C library is none of the server's functions. */
	if (map && map->inode && map->inode == stacks->hidden_inode)
		return;
	if (map) {
		mapping = (struct record_mapping){
			.start = map->start,
			.end = map->end,
			.offset = map->offset,
			.path = map->inode && map->inode == stacks->config.program->inode
					? stacks->config.program->path
					: maps_path(&stacks->maps, map),
		};
		module = map->path ? module_of(stacks, map) : NULL;
		if (module) {
			mapping.bias = module->bias;
			mapping.build_id_length = module->build_id_length;
			memcpy(mapping.build_id, module->build_id, sizeof(mapping.build_id));
		}
		location.mapping = writer_mapping(writer, &mapping);
	}
	writer_stack_add(writer, &location);
}

/* `address`: of the native frame that carries them; 0: none. */
static void add_named(struct writer *writer, uint64_t address, bool bridged,
	const struct lang_frame *named, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct record_function function = {
			.name = named[i].function,
			.file = named[i].file,
			.line = named[i].function_line,
			.column = named[i].function_column,
		};
		struct writer_location location = {
			.kind = named[i].kind,
			.doubt = named[i].doubt,
			.address = named[i].inlined ? 0 : address,
			.line = named[i].line,
			.column = named[i].column,
		};

		if (!location.doubt && bridged)
			location.doubt = DOUBT_BRIDGED;
		location.function = writer_function(writer, &function);
		writer_stack_add(writer, &location);
	}
}

static bool owned(const struct stacks *stacks, uint64_t pc)
{
	const struct lang_ops *ops = stacks->lang.ops;

	return ops && ops->owns && ops->owns(stacks->lang.state, pc);
}

/* A frame that the runtime stepped: its names. */
static void add_owned(
	struct stacks *stacks, struct writer *writer, const struct unwind_sample *sample, size_t i)
{
	const struct unwind_frame *frame = &stacks->frames[i];
	struct lang_frame named[LANG_INLINE_MAX];
	size_t names = stacks->lang.ops->frame(stacks->lang.state, sample, frame, i == 0, named);

	add_named(writer, frame->pc, frame->bridged, named, names);
}

/* A native frame with the runtime's frames that run in it, or those in its place. */
static void add_with_beside(struct stacks *stacks, struct writer *writer,
	const struct unwind_sample *sample, size_t i, size_t count, bool whole,
	struct lang_cursor *cursor)
{
	const struct unwind_frame *frame = &stacks->frames[i];
	const struct unwind_frame *caller = i + 1 < count ? frame + 1 : NULL;
	struct lang_frame named;
	bool more =
		stacks->lang.ops->beside(stacks->lang.state, sample, frame, caller, cursor, &named);

	if (!cursor->stands_for)
		add_native(stacks, writer, frame);
	while (more) {
		add_named(writer, 0, !caller && !whole, &named, 1);
		more = stacks->lang.ops->beside(
			stacks->lang.state, sample, frame, caller, cursor, &named);
	}
}

static bool collects(const struct stacks *stacks, size_t count)
{
	const struct lang_ops *ops = stacks->lang.ops;

	for (size_t i = 0; ops && ops->collects && i < count; i++) {
		if (ops->collects(stacks->lang.state, stacks->frames[i].pc))
			return true;
	}
	return false;
}

uint32_t stacks_record(struct stacks *stacks, struct writer *writer,
	const struct unwind_sample *sample, bool *ret_collects)
{
	struct unwind_runtime runtime = {0};
	struct lang_cursor cursor = {0};
	enum unwind_end end;
	size_t count;

	/* Generated code and libraries may have come since; within a stall a look now and then is
	 * enough. */
	if (clock_monotonic_ns() - stacks->refreshed_ns > REFRESH_NS)
		stacks_refresh(stacks);
	if (stacks->lang.ops)
		runtime = lang_unwind_runtime(&stacks->lang);
	memory_cache_drop(&stacks->heap);
	lock(stacks);
	count = unwind(stacks->unwinder, sample, stacks->lang.ops ? &runtime : NULL, stacks->frames,
		FRAMES_MAX, &end);
	unlock(stacks);
	if (ret_collects)
		*ret_collects = collects(stacks, count);
	writer_stack_begin(writer);
	for (size_t i = 0; i < count; i++) {
		if (owned(stacks, stacks->frames[i].pc))
			add_owned(stacks, writer, sample, i);
		else if (stacks->lang.ops && stacks->lang.ops->beside)
			add_with_beside(
				stacks, writer, sample, i, count, end == UNWIND_COMPLETE, &cursor);
		else
			add_native(stacks, writer, &stacks->frames[i]);
	}
	if (end != UNWIND_COMPLETE)
		writer_stack_add(
			writer, &(struct writer_location){
					.kind = FRAME_TRUNCATED,
					.doubt = end == UNWIND_FULL ? DOUBT_DEPTH : DOUBT_NONE,
				});
	return writer_stack_end(writer);
}
