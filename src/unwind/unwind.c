/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unwind.c - walks a copied stack: native frames by libunwind's remote interface, a runtime's
 * frames by the runtime itself, and over a broken chain by a scan whose findings are validated
 * before they are believed.
 *
 * Data: struct unwind_sample (registers and bytes, copied) + read-only file mappings of the process
 * -> frames. Nothing of the live stack is read. Tier B: one thread owns an unwinder. Not here:
 * naming (src/lang, src/symbol), taking samples (src/preload, src/attach).
 */
#include "unwind.h"

#include <dlfcn.h>
#include <errno.h>
#include <libunwind-x86_64.h>
#include <string.h>

#include "format.h"
#include "image.h"

enum {
	MODULES_MAX = 256,
	SCAN_WORDS_MAX = 8192, /* of 8 bytes: the whole copy */
	SCAN_PROOF_FRAMES = 3, /* frames that must follow from a scanned return address */
	GOAL_FRAMES_MAX =
		64, /* native frames between a break and the runtime's next certain frame */
	SCAN_PROOFS_MAX = 128,
	SCAN_DEPTH = 2, /* frames in a row that each need a scan */
	BRIDGES_MAX = 8,
};

/* An executable image and where its unwind table is. */
struct module {
	uint64_t start, end; /* addresses; start 0: free */
	uint64_t inode;
	uint64_t table, entries, segment_base; /* table 0: no unwind information */
};

struct unwinder {
	struct memory *memory;
	const struct maps *maps;
	struct module *modules;
	size_t module_count;
	const struct unwind_sample *sample; /* of the walk in progress */
	struct unwind_frame at;             /* where the cursor starts */
	bool ran_out;                       /* the walk wanted bytes beyond the copy */
	bool no_info; /* the step in progress had no unwind information to go by */

	/* libunwind, loaded privately; space is null where it is not to be had. */
	unw_addr_space_t space;
	int (*init_remote)(unw_cursor_t *, unw_addr_space_t, void *);
	int (*step)(unw_cursor_t *);
	int (*get_reg)(unw_cursor_t *, int, unw_word_t *);
	void (*flush_cache)(unw_addr_space_t, unw_word_t, unw_word_t);
	int (*search_table)(
		unw_addr_space_t, unw_word_t, unw_dyn_info_t *, unw_proc_info_t *, int, void *);
};

static bool executable(const struct unwinder *unwinder, uint64_t pc)
{
	const struct map *map = maps_find(unwinder->maps, pc);

	return map && (map->protection & MAP_EXECUTE);
}

/*
 * The binary search table behind .eh_frame_hdr (LSB core specification, 10.6.2). Every linker in
 * use writes 4-byte counts and data-relative 4-byte pairs; anything else counts as no table.
 */
static void find_table(struct unwinder *unwinder, const struct image *image, struct module *module)
{
	enum { PCREL_SDATA4 = 0x1b, UDATA4 = 0x03, DATAREL_SDATA4 = 0x3b };
	struct {
		uint8_t version, pointer_encoding, count_encoding, table_encoding;
		int32_t frame_pointer;
		uint32_t count;
	} header;

	if (image->eh_frame_header_size < sizeof(header) ||
		memory_exact(unwinder->memory, image->eh_frame_header, &header, sizeof(header)))
		return;
	if (header.version != 1 || header.pointer_encoding != PCREL_SDATA4 ||
		header.count_encoding != UDATA4 || header.table_encoding != DATAREL_SDATA4 ||
		header.count > (image->eh_frame_header_size - sizeof(header)) / 8)
		return;
	module->table = image->eh_frame_header + sizeof(header);
	module->entries = header.count;
	module->segment_base = image->eh_frame_header;
}

/* The module that holds pc, looked at once. Null if pc lies in no image. */
static const struct module *module_of(struct unwinder *unwinder, uint64_t pc)
{
	const struct map *map, *first;
	struct module *module;
	struct image image;

	for (size_t i = 0; i < unwinder->module_count; i++) {
		module = &unwinder->modules[i];
		if (pc >= module->start && pc < module->end)
			return module;
	}
	map = maps_find(unwinder->maps, pc);
	if (!map || !map->path)
		return NULL;
	first = image_first_map(unwinder->maps, map);
	if (!first || image_open(&image, unwinder->memory, first->start) || pc < image.start ||
		pc >= image.end)
		return NULL;
	if (unwinder->module_count == MODULES_MAX)
		unwinder->module_count = 0; /* a process of so many modules re-reads them in turn */
	module = &unwinder->modules[unwinder->module_count++];
	*module = (struct module){.start = image.start, .end = image.end, .inode = first->inode};
	find_table(unwinder, &image, module);
	return module;
}

/* --- libunwind's accessors: the copied stack, else read-only file mappings ----------------------
 */

static int on_find_proc_info(
	unw_addr_space_t space, unw_word_t ip, unw_proc_info_t *info, int need, void *argument)
{
	struct unwinder *unwinder = argument;
	const struct module *module = module_of(unwinder, ip);
	unw_dyn_info_t table = {0};
	int rc = -UNW_ENOINFO;

	if (module && module->table) {
		table.format = UNW_INFO_FORMAT_REMOTE_TABLE;
		table.start_ip = module->start;
		table.end_ip = module->end;
		table.u.rti.segbase = module->segment_base;
		table.u.rti.table_data = module->table;
		table.u.rti.table_len = module->entries * 8 / sizeof(unw_word_t);
		rc = unwinder->search_table(space, ip, &table, info, need, argument);
	}
	unwinder->no_info = rc < 0;
	return rc;
}

static void on_put_unwind_info(unw_addr_space_t space, unw_proc_info_t *info, void *argument)
{
	(void)space, (void)info, (void)argument; /* libunwind frees what its own search allocated */
}

static int on_get_dyn_info_list(unw_addr_space_t space, unw_word_t *list, void *argument)
{
	(void)space, (void)list, (void)argument;
	return -UNW_ENOINFO;
}

static int on_access_mem(
	unw_addr_space_t space, unw_word_t address, unw_word_t *value, int write, void *argument)
{
	struct unwinder *unwinder = argument;
	const struct unwind_sample *sample = unwinder->sample;
	const struct map *map;

	(void)space;
	if (write)
		return -UNW_EINVAL;
	if (unwind_stack_u64(sample, address, value))
		return 0;
	map = maps_find(unwinder->maps, address);
	/* Anything writable has moved on since the copy was taken; above all the rest of the stack.
	 */
	if (!map || !map->path || ((map->protection & MAP_WRITE) && !map->inode)) {
		if (address >= sample->stack_start + sample->length)
			unwinder->ran_out = true;
		return -UNW_EINVAL;
	}
	return memory_u64(unwinder->memory, address, value) ? -UNW_EINVAL : 0;
}

static int on_access_reg(
	unw_addr_space_t space, unw_regnum_t number, unw_word_t *value, int write, void *argument)
{
	const struct unwinder *unwinder = argument;

	(void)space;
	if (write || number < 0 || number >= UNWIND_REGISTERS)
		return -UNW_EBADREG;
	if (number == UNWIND_RIP)
		*value = unwinder->at.pc;
	else if (number == UNWIND_RSP)
		*value = unwinder->at.sp;
	else if (number == UNWIND_RBP)
		*value = unwinder->at.fp;
	else
		*value = unwinder->sample->registers[number];
	return 0;
}

static int on_access_fpreg(
	unw_addr_space_t space, unw_regnum_t number, unw_fpreg_t *value, int write, void *argument)
{
	(void)space, (void)number, (void)value, (void)write, (void)argument;
	return -UNW_EBADREG;
}

static int on_resume(unw_addr_space_t space, unw_cursor_t *cursor, void *argument)
{
	(void)space, (void)cursor, (void)argument;
	return -UNW_EINVAL;
}

static int on_get_proc_name(unw_addr_space_t space, unw_word_t address, char *buffer, size_t size,
	unw_word_t *offset, void *argument)
{
	(void)space, (void)address, (void)buffer, (void)size, (void)offset, (void)argument;
	return -UNW_ENOINFO;
}

static unw_accessors_t accessors = {
	.find_proc_info = on_find_proc_info,
	.put_unwind_info = on_put_unwind_info,
	.get_dyn_info_list_addr = on_get_dyn_info_list,
	.access_mem = on_access_mem,
	.access_reg = on_access_reg,
	.access_fpreg = on_access_fpreg,
	.resume = on_resume,
	.get_proc_name = on_get_proc_name,
};

/* RTLD_LOCAL: libunwind also exports _Unwind_*, which must not replace the server's own exception
 * unwinder. */
static void load_libunwind(struct unwinder *unwinder, const char *directory)
{
	static const char name[] = "libunwind-x86_64.so.8";
	unw_addr_space_t (*create)(unw_accessors_t *, int);
	int (*set_caching)(unw_addr_space_t, unw_caching_policy_t);
	void *library = NULL;

	if (directory) {
		struct format path;
		char buffer[4096];

		format_init(&path, buffer, sizeof(buffer));
		format_text(&path, directory);
		format_text(&path, "/");
		format_text(&path, name);
		library = dlopen(buffer, RTLD_NOW | RTLD_LOCAL);
	}
	if (!library)
		library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return;
	create = dlsym(library, "_Ux86_64_create_addr_space");
	set_caching = dlsym(library, "_Ux86_64_set_caching_policy");
	unwinder->init_remote = dlsym(library, "_Ux86_64_init_remote");
	unwinder->step = dlsym(library, "_Ux86_64_step");
	unwinder->get_reg = dlsym(library, "_Ux86_64_get_reg");
	unwinder->flush_cache = dlsym(library, "_Ux86_64_flush_cache");
	unwinder->search_table = dlsym(library, "_Ux86_64_dwarf_search_unwind_table");
	if (!create || !set_caching || !unwinder->init_remote || !unwinder->step ||
		!unwinder->get_reg || !unwinder->flush_cache || !unwinder->search_table)
		return;
	unwinder->space = create(&accessors, 0);
	if (unwinder->space)
		set_caching(unwinder->space, UNW_CACHE_GLOBAL);
}

int unwinder_open(struct unwinder **ret, struct arena *arena, struct memory *memory,
	const struct maps *maps, const char *directory)
{
	struct unwinder *unwinder = arena_alloc(arena, sizeof(*unwinder));
	struct module *modules = arena_alloc(arena, MODULES_MAX * sizeof(*modules));

	if (!unwinder || !modules)
		return -ENOMEM;
	*unwinder = (struct unwinder){.memory = memory, .maps = maps, .modules = modules};
	load_libunwind(unwinder, directory);
	*ret = unwinder;
	return unwinder->space ? 0 : -ENOENT;
}

const char *unwinder_name(const struct unwinder *unwinder)
{
	return unwinder->space ? "libunwind" : "frame pointers";
}

void unwinder_refresh(struct unwinder *unwinder)
{
	size_t kept = 0;

	for (size_t i = 0; i < unwinder->module_count; i++) {
		const struct module *module = &unwinder->modules[i];
		const struct map *map = maps_find(unwinder->maps, module->start);

		if (map && map->inode == module->inode)
			unwinder->modules[kept++] = *module;
	}
	if (kept != unwinder->module_count && unwinder->space)
		unwinder->flush_cache(unwinder->space, 0, 0);
	unwinder->module_count = kept;
}

/* --- one walk ------------------------------------------------------------------------------------
 */

struct walk {
	struct unwinder *unwinder;
	const struct unwind_sample *sample;
	const struct unwind_runtime *runtime;
	unw_cursor_t cursor;
	bool cursor_valid; /* the cursor stands at the current frame */
	int proofs;        /* that a bridge may still try */
};

static bool owned(const struct walk *walk, uint64_t pc)
{
	return walk->runtime && walk->runtime->owns && walk->runtime->step &&
	       walk->runtime->owns(walk->runtime->context, pc);
}

/* 1: stepped; 0: this was the first frame of the thread; negative: the chain is broken here. */
static int step_by_pointer(
	const struct walk *walk, const struct unwind_frame *frame, struct unwind_frame *ret)
{
	struct unwind_frame caller = {.sp = frame->fp + 16};

	if (!frame->fp)
		return 0;
	if (frame->fp < frame->sp || (frame->fp & 7) ||
		!unwind_stack_u64(walk->sample, frame->fp, &caller.fp) ||
		!unwind_stack_u64(walk->sample, frame->fp + 8, &caller.pc))
		return -EINVAL;
	*ret = caller;
	return caller.pc ? 1 : 0;
}

static int step_native(
	struct walk *walk, const struct unwind_frame *frame, struct unwind_frame *ret)
{
	struct unwinder *unwinder = walk->unwinder;
	int rc;

	if (!unwinder->space)
		return step_by_pointer(walk, frame, ret);
	if (!walk->cursor_valid) {
		unwinder->at = *frame;
		if (unwinder->init_remote(&walk->cursor, unwinder->space, unwinder))
			return -EINVAL;
		walk->cursor_valid = true;
	}
	unwinder->no_info = false;
	rc = unwinder->step(&walk->cursor);
	/* Without unwind information libunwind follows rbp; where rbp holds data, its "end" means
	 * nothing. */
	if (!rc && unwinder->no_info)
		return -EINVAL;
	if (rc <= 0)
		return rc;
	if (unwinder->get_reg(&walk->cursor, UNW_X86_64_RIP, &ret->pc) ||
		unwinder->get_reg(&walk->cursor, UNW_X86_64_RSP, &ret->sp) ||
		unwinder->get_reg(&walk->cursor, UNW_X86_64_RBP, &ret->fp))
		return -EINVAL;
	return ret->pc ? 1 : 0;
}

/* Steps to the caller; the result lies higher on the stack and in code, or the chain counts as
 * broken. */
static int step(struct walk *walk, const struct unwind_frame *frame, struct unwind_frame *ret)
{
	struct unwind_frame caller = {0};
	int rc;

	if (owned(walk, frame->pc)) {
		walk->cursor_valid = false;
		rc = walk->runtime->step(walk->runtime->context, walk->sample, frame, &caller);
		if (rc == -ENOENT)
			return 0;
		rc = rc ? rc : 1;
	} else {
		rc = step_native(walk, frame, &caller);
	}
	if (rc <= 0)
		return rc;
	if (caller.sp <= frame->sp ||
		(!executable(walk->unwinder, caller.pc) && !owned(walk, caller.pc)))
		return -EINVAL;
	caller.bridged = false;
	*ret = caller;
	return 1;
}

/* How well a return address fits the function that it would have called; better is greater. */
enum call_fit {
	CALL_NONE,  /* no call instruction stands before it */
	CALL_OTHER, /* calls another function: right only if that one ended in a jump */
	CALL_MAYBE, /* through a register, memory or a linkage stub: the target is not known */
	CALL_EXACT, /* calls the very function */
};

/* The function that holds pc, by its unwind information; without, by what assembly may lie around
 * an entry. */
struct callee {
	uint64_t pc, start;
	bool exact;
};

static struct callee callee_at(struct unwinder *unwinder, uint64_t pc)
{
	enum { NEAR_BYTES = 64 << 10 };
	struct callee callee = {.pc = pc, .start = pc > NEAR_BYTES ? pc - NEAR_BYTES : 0};
	unw_proc_info_t info;

	if (unwinder->space && !on_find_proc_info(unwinder->space, pc, &info, 0, unwinder)) {
		callee.start = info.start_ip;
		callee.exact = true;
	}
	return callee;
}

/* "jmp *slot(%rip)", perhaps behind an endbr64 or a bnd prefix: an entry of the procedure linkage
 * table. */
static bool is_linkage_stub(struct unwinder *unwinder, uint64_t address)
{
	static const uint8_t endbr64[4] = {0xf3, 0x0f, 0x1e, 0xfa};
	uint8_t code[8];
	size_t at = 0;

	if (memory_exact(unwinder->memory, address, code, sizeof(code)))
		return false;
	at += memcmp(code, endbr64, sizeof(endbr64)) ? 0 : sizeof(endbr64);
	at += code[at] == 0xf2;
	return code[at] == 0xff && code[at + 1] == 0x25;
}

/* Looks at the instruction before a return address: a near call, or one through a register or
 * memory. */
static enum call_fit fit_of(struct unwinder *unwinder, uint64_t pc, const struct callee *callee)
{
	uint8_t code[7];
	int32_t distance;
	uint64_t target;

	if (memory_exact(unwinder->memory, pc - sizeof(code), code, sizeof(code)))
		return CALL_NONE;
	if (code[2] == 0xe8) {
		memcpy(&distance, code + 3, sizeof(distance));
		target = pc + (uint64_t)(int64_t)distance;
		if (callee->exact ? target == callee->start
				  : target >= callee->start && target <= callee->pc)
			return CALL_EXACT;
		return is_linkage_stub(unwinder, target) ? CALL_MAYBE : CALL_OTHER;
	}
	for (size_t length = 2; length <= 7; length++) {
		const uint8_t *at = code + sizeof(code) - length;

		if (at[0] == 0xff && (at[1] & 0x38) == 0x10)
			return CALL_MAYBE;
	}
	return CALL_NONE;
}

static enum call_fit scan(struct walk *walk, const struct unwind_frame *from,
	const struct unwind_frame *goal, int depth, struct unwind_frame *ret);

/*
 * Whether a walk from `frame` leads to `goal`, exactly; or, without a goal, anywhere at all: to the
 * root, or through SCAN_PROOF_FRAMES more frames. The caller of assembly that saved rbp out of
 * reach needs a scan of its own.
 */
/* NOLINTNEXTLINE(misc-no-recursion): SCAN_DEPTH bounds it */
static bool proves(struct walk *walk, const struct unwind_frame *frame,
	const struct unwind_frame *goal, int depth)
{
	struct unwind_frame at = *frame, next;
	int rc = 1, steps = goal ? GOAL_FRAMES_MAX : SCAN_PROOF_FRAMES;

	walk->cursor_valid = false;
	while (steps-- && rc > 0 && !(goal && at.sp >= goal->sp)) {
		rc = step(walk, &at, &next);
		if (rc < 0 && depth && scan(walk, &at, goal, depth - 1, &next) == CALL_EXACT)
			rc = 1;
		if (rc > 0)
			at = next;
	}
	walk->cursor_valid = false;
	return goal ? at.sp == goal->sp && at.pc == goal->pc : rc >= 0;
}

/* The saved frame pointer just below a return address, if it looks like one. */
static uint64_t saved_pointer(const struct unwind_sample *sample, uint64_t slot)
{
	uint64_t value;

	if (slot < 8 || !unwind_stack_u64(sample, slot - 8, &value) || (value & 7) ||
		value <= slot || value >= sample->stack_start + sample->length)
		return 0;
	return value;
}

/*
 * The return address above `sp` (and below the goal) that fits the function at `from` best and from
 * which the walk goes on; the nearest of equals. A stack is full of stale return addresses, whose
 * chains lead home as well: what tells them apart is whether they called this function. Hazard 7:
 * inside the copy only.
 */
/* NOLINTNEXTLINE(misc-no-recursion): SCAN_DEPTH bounds it */
static enum call_fit scan(struct walk *walk, const struct unwind_frame *from,
	const struct unwind_frame *goal, int depth, struct unwind_frame *ret)
{
	struct unwinder *unwinder = walk->unwinder;
	const struct callee callee = callee_at(unwinder, from->pc);
	enum call_fit best = CALL_NONE, fit;
	uint64_t slot = (from->sp + 7) & ~7ull, pc;

	for (int words = 0; words < SCAN_WORDS_MAX && walk->proofs && best != CALL_EXACT;
		words++, slot += 8) {
		struct unwind_frame frame = {.sp = slot + 8};

		if (!unwind_stack_u64(walk->sample, slot, &pc) || (goal && frame.sp >= goal->sp))
			break;
		if (!executable(unwinder, pc))
			continue;
		fit = fit_of(unwinder, pc, &callee);
		if (fit <= best)
			continue;
		frame.pc = pc;
		frame.fp = saved_pointer(walk->sample, slot);
		frame.bridged = fit != CALL_EXACT;
		walk->proofs--;
		if (!proves(walk, &frame, goal, depth))
			continue;
		best = fit;
		*ret = frame;
	}
	return best;
}

/*
 * Over a break in the chain. A frame of the runtime that is certain is the goal: a return address
 * below it counts if its own chain arrives exactly there, so that no native frame between is lost;
 * if none does, the goal itself is next.
 */
static int bridge(struct walk *walk, const struct unwind_frame *from, struct unwind_frame *ret)
{
	const struct unwind_runtime *runtime = walk->runtime;
	struct unwind_frame goal;

	walk->cursor_valid = false;
	walk->proofs = SCAN_PROOFS_MAX;
	if (!runtime || !runtime->resync ||
		runtime->resync(runtime->context, walk->sample, from->sp, &goal) ||
		goal.sp <= from->sp)
		return scan(walk, from, NULL, SCAN_DEPTH, ret) == CALL_NONE ? -ENOENT : 0;
	goal.bridged = true;
	if (scan(walk, from, &goal, SCAN_DEPTH, ret) == CALL_NONE)
		*ret = goal;
	return 0;
}

size_t unwind(struct unwinder *unwinder, const struct unwind_sample *sample,
	const struct unwind_runtime *runtime, struct unwind_frame *frames, size_t capacity,
	enum unwind_end *ret_end)
{
	struct walk walk = {.unwinder = unwinder, .sample = sample, .runtime = runtime};
	/* A thread read in place gave no rbp: a frame that needs it counts as a broken chain, and
	 * is bridged. */
	struct unwind_frame frame =
				    {
					    .pc = sample->registers[UNWIND_RIP],
					    .sp = sample->registers[UNWIND_RSP],
					    .fp = sample->registers_partial
							  ? 0
							  : sample->registers[UNWIND_RBP],
				    },
			    caller;
	size_t count = 0;
	int bridges = 0, rc = 1;

	unwinder->sample = sample;
	unwinder->ran_out = false;
	while (count < capacity) {
		frames[count++] = frame;
		rc = step(&walk, &frame, &caller);
		if (!rc)
			break;
		if (rc < 0 && (bridges++ == BRIDGES_MAX || bridge(&walk, &frame, &caller)))
			break;
		frame = caller;
		rc = 1;
	}
	if (!rc)
		*ret_end = UNWIND_COMPLETE;
	else
		*ret_end = count == capacity || unwinder->ran_out ? UNWIND_FULL : UNWIND_BROKEN;
	unwinder->sample = NULL;
	return count;
}
