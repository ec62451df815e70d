/* SPDX-License-Identifier: Apache-2.0 */
#include "v8_capture.h"

#include <errno.h>
#include <sys/uio.h>

#include "sys.h"
#include "v8_frame.h"

enum {
	CAPTURE_FRAMES_MAX = 512, /* of the chain, native ones included */
	CAPTURE_SLOTS_MAX = 64,
	CAPTURE_SCAN_WORDS = 1024,
	OBJECT_TAG = 1,
};

/*
 * Where a process's addresses end, less a page for the object itself. The kernel refuses a list
 * with an address behind that as a whole.
 */
#define USER_END ((1ull << 47) - 2 * 4096)

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
	       v8_is_object(*ret) && *ret < USER_END;
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
	uint64_t at = (live->start + 7) & ~7ull, words = at < live->end ? (live->end - at) / 8 : 0;
	const volatile uint64_t *word = (const volatile uint64_t *)(uintptr_t)at;
	uint64_t fp, function;

	if (words > CAPTURE_SCAN_WORDS)
		words = CAPTURE_SCAN_WORDS;
	for (uint64_t i = 0; i < words; i++) {
		uint64_t type = word[i];

		if (!v8_is_frame_type(type) || !v8_frame_leads_out(layout, (int32_t)(type >> 1)))
			continue;
		at = (uint64_t)(uintptr_t)&word[i];
		if (live_u64(live, at + 8, &fp) && fp > at &&
			live_function(layout, live, fp, &function))
			return fp;
	}
	return 0;
}

/*
 * Reads the functions' SharedFunctionInfos at once. Written by this process to itself: the kernel
 * then reads the many places as it reads any system call's buffers, and pins only the one page it
 * writes to; process_vm_readv would pin a page for each function, which takes twenty times as long.
 */
static void read_shared(
	const struct v8_layout *layout, pid_t pid, struct unwind_slot *slots, size_t count)
{
	struct iovec from[CAPTURE_SLOTS_MAX];
	uint64_t shared[CAPTURE_SLOTS_MAX] = {0};
	size_t done = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t field =
			slots[i].value[0] - OBJECT_TAG + (uint64_t)(int64_t)layout->function_shared;

		from[i] = (struct iovec){(void *)(uintptr_t)field, 8};
	}
	/* It stops at what cannot be read: go on behind that, a few times. */
	for (int attempt = 0; attempt < 4 && done < count; attempt++) {
		struct iovec to = {&shared[done], 8 * (count - done)};
		int64_t got = sys_process_vm_writev(pid, from + done, count - done, &to, 1);

		if (got < 0 && got != -EFAULT)
			return;
		done += (got > 0 ? (size_t)got / 8 : 0) + 1;
	}
	for (size_t i = 0; i < count; i++)
		slots[i].value[1] = shared[i];
}

bool v8_capture_works(pid_t pid)
{
	uint64_t value = 1;
	volatile uint64_t copy = 0; /* the kernel writes it */
	struct iovec from = {&value, sizeof(value)}, to = {(void *)&copy, sizeof(copy)};

	return sys_process_vm_writev(pid, &from, 1, &to, 1) == sizeof(value) && copy == value;
}

size_t v8_capture_sig(const struct v8_layout *layout, pid_t pid, uint64_t fp, uint64_t sp,
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
