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
		if (v8_is_frame_type(type) && v8_frame_leads_out(layout, (int32_t)(type >> 1)) &&
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
