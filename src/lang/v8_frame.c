/* SPDX-License-Identifier: Apache-2.0 */
#include "v8_frame.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "sys.h"

enum {
	FRAME_TYPE_MAX = 64,
	CAPTURE_FRAMES_MAX = 512, /* of the chain, native ones included */
	CAPTURE_SLOTS_MAX = 64,
	CAPTURE_SCAN_WORDS = 1024,
	OBJECT_TAG = 1,
};

/* A frame type is stored as a small integer would be on a machine of 32 bits: shifted by one. */
static bool is_frame_type(uint64_t word)
{
	return word && !(word & 1) && word >> 1 < FRAME_TYPE_MAX;
}

static bool leads_to_native(const struct v8_layout *layout, int32_t type)
{
	return type == layout->frame_exit || type == layout->frame_builtin_exit ||
	       type == layout->frame_api_callback_exit ||
	       type == layout->frame_api_construct_exit ||
	       type == layout->frame_api_accessor_exit || type == layout->frame_api_named_exit ||
	       type == layout->frame_api_indexed_exit;
}

static uint64_t slot(const struct unwind_sample *sample, uint64_t fp, int32_t offset)
{
	uint64_t value;

	return unwind_stack_u64(sample, fp + (uint64_t)(int64_t)offset, &value) ? value : 0;
}

void v8_frame_slots(struct v8_frame_slots *ret, const struct v8_layout *layout,
	const struct unwind_sample *sample, uint64_t fp)
{
	uint64_t context = slot(sample, fp, layout->fp_context);

	*ret = (struct v8_frame_slots){0};
	if (is_frame_type(context)) {
		ret->shape = V8_FRAME_TYPED;
		ret->type = (int32_t)(context >> 1);
		return;
	}
	ret->function = slot(sample, fp, layout->fp_function);
	if (!v8_is_object(context) || !v8_is_object(ret->function))
		return;
	ret->shape = V8_FRAME_FUNCTION;
	ret->bytecode_array = slot(sample, fp, layout->fp_bytecode_array);
	ret->bytecode_offset = slot(sample, fp, layout->fp_bytecode_offset);
}

bool v8_frame_is_generated(const struct maps *maps, uint64_t pc)
{
	const struct map *map = maps_find(maps, pc);
	const char *path;

	if (!map || map->inode || !(map->protection & MAP_EXECUTE))
		return false;
	path = maps_path(maps, map);
	/* "[vdso]" and its like are the kernel's; a name that a program gave begins with "[anon".
	 */
	return path[0] != '[' || !strncmp(path, "[anon", 5);
}

static bool is_executable(const struct maps *maps, uint64_t pc)
{
	const struct map *map = maps_find(maps, pc);

	return map && (map->protection & MAP_EXECUTE);
}

static bool is_v8(const struct v8_image *image, const struct maps *maps, uint64_t pc)
{
	return v8_image_is_builtin(image, pc) || v8_frame_is_generated(maps, pc);
}

int v8_frame_step(const struct v8_image *image, const struct maps *maps,
	const struct unwind_sample *sample, const struct unwind_frame *frame,
	struct unwind_frame *ret_caller)
{
	uint64_t fp, pc;

	if (frame->fp & 7 || frame->fp < frame->sp || !unwind_stack_u64(sample, frame->fp, &fp) ||
		!unwind_stack_u64(sample, frame->fp + 8, &pc))
		return -EINVAL;
	if (!pc)
		return -ENOENT;
	if (!is_executable(maps, pc))
		return -EINVAL;
	/* Only native code, which entered V8 here, may use the frame pointer for something else. */
	if (is_v8(image, maps, pc) && (fp <= frame->fp || fp & 7))
		return -EINVAL;
	*ret_caller = (struct unwind_frame){.pc = pc, .fp = fp, .sp = frame->fp + 16};
	return 0;
}

/* Whether the frame at fp, left by pc, is one that V8 surely made. */
static bool is_certain(const struct v8_image *image, const struct maps *maps, struct v8_heap *heap,
	const struct unwind_sample *sample, uint64_t fp, uint64_t pc)
{
	struct v8_frame_slots slots;

	if (fp & 7 || !is_v8(image, maps, pc))
		return false;
	v8_frame_slots(&slots, &image->layout, sample, fp);
	return slots.shape == V8_FRAME_TYPED ||
	       (slots.shape == V8_FRAME_FUNCTION && v8_is_function(heap, slots.function));
}

/*
 * Native code that V8 calls runs on top of an exit frame: its type, the caller's frame pointer, the
 * return address. The lowest one whose caller is certain is where V8's part begins.
 */
int v8_frame_resync(const struct v8_image *image, const struct maps *maps, struct v8_heap *heap,
	const struct unwind_sample *sample, uint64_t sp, struct unwind_frame *ret)
{
	uint64_t end = sample->stack_start + sample->length, type, fp, pc;

	for (uint64_t at = (sp + 7) & ~7ull; at + 24 <= end && at >= sp; at += 8) {
		if (!unwind_stack_u64(sample, at, &type) || !is_frame_type(type) ||
			!leads_to_native(&image->layout, (int32_t)(type >> 1)) ||
			!unwind_stack_u64(sample, at + 8, &fp) || fp <= at + 16 || fp >= end ||
			!unwind_stack_u64(sample, at + 16, &pc))
			continue;
		if (!is_certain(image, maps, heap, sample, fp, pc))
			continue;
		*ret = (struct unwind_frame){.pc = pc, .fp = fp, .sp = at + 24, .bridged = true};
		return 0;
	}
	return -ENOENT;
}

/* The live stack, read in place. */
struct live {
	uint64_t start, end;
};

static bool live_u64(const struct live *live, uint64_t address, uint64_t *ret)
{
	if (address & 7 || address < live->start || live->end < 8 || address > live->end - 8)
		return false;
	*ret = *(const volatile uint64_t *)(uintptr_t)address;
	return true;
}

/* The function of the frame at fp, if the slots look like a function's. */
static bool live_function(
	const struct v8_layout *layout, const struct live *live, uint64_t fp, uint64_t *ret)
{
	uint64_t context;

	return live_u64(live, fp + (uint64_t)(int64_t)layout->fp_context, &context) &&
	       v8_is_object(context) &&
	       live_u64(live, fp + (uint64_t)(int64_t)layout->fp_function, ret) &&
	       v8_is_object(*ret);
}

/* Follows the chain from fp. Returns the number of slots filled with functions. */
static size_t live_chain(const struct v8_layout *layout, const struct live *live, uint64_t fp,
	struct unwind_slot *slots, size_t capacity)
{
	size_t count = 0;
	uint64_t next;

	for (int i = 0; i < CAPTURE_FRAMES_MAX && count < capacity; i++) {
		uint64_t function;

		if (live_function(layout, live, fp, &function)) {
			slots[count].fp = fp;
			slots[count].value[0] = function;
			slots[count].value[1] = 0;
			count++;
		}
		if (!live_u64(live, fp, &next) || next <= fp)
			break;
		fp = next;
	}
	return count;
}

/* The frame pointer that the lowest exit frame saved; 0 if none is near. */
static uint64_t live_exit(const struct v8_layout *layout, const struct live *live)
{
	uint64_t at = (live->start + 7) & ~7ull, type, fp, function;

	for (int i = 0; i < CAPTURE_SCAN_WORDS; i++, at += 8) {
		if (!live_u64(live, at, &type))
			break;
		if (is_frame_type(type) && leads_to_native(layout, (int32_t)(type >> 1)) &&
			live_u64(live, at + 8, &fp) && fp > at &&
			live_function(layout, live, fp, &function))
			return fp;
	}
	return 0;
}

/* Reads the functions' SharedFunctionInfos at once; goes on behind one that cannot be read. */
static void read_shared(
	const struct v8_layout *layout, pid_t pid, struct unwind_slot *slots, size_t count)
{
	struct iovec local[CAPTURE_SLOTS_MAX], remote[CAPTURE_SLOTS_MAX];
	size_t done = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t field =
			slots[i].value[0] - OBJECT_TAG + (uint64_t)(int64_t)layout->function_shared;

		local[i] = (struct iovec){&slots[i].value[1], 8};
		remote[i] = (struct iovec){(void *)(uintptr_t)field, 8};
	}
	for (int attempt = 0; attempt < 3 && done < count; attempt++) {
		int64_t got = sys_process_vm_readv(
			pid, local + done, count - done, remote + done, count - done);

		if (got < 0 && got != -EFAULT)
			return;
		done += (got > 0 ? (size_t)got / 8 : 0) + 1;
	}
}

size_t v8_frame_capture_sig(const struct v8_layout *layout, pid_t pid, uint64_t fp, uint64_t sp,
	uint64_t stack_end, struct unwind_slot *slots, size_t capacity)
{
	struct live live = {sp, stack_end};
	size_t count;

	if (capacity > CAPTURE_SLOTS_MAX)
		capacity = CAPTURE_SLOTS_MAX;
	count = live_chain(layout, &live, fp, slots, capacity);
	if (!count) {
		fp = live_exit(layout, &live);
		if (fp)
			count = live_chain(layout, &live, fp, slots, capacity);
	}
	if (count)
		read_shared(layout, pid, slots, count);
	return count;
}
