/* SPDX-License-Identifier: Apache-2.0 */
#include "asleep.h"

#include <errno.h>
#include <string.h>

#include "format.h"
#include "proc_path.h"
#include "sys.h"

enum { RED_ZONE = 128 /* below rsp, in use by leaf functions (System V ABI for x86-64, 3.2.2) */ };

/* "running", "-1 0xsp 0xpc", or "nr 0xa 0xb 0xc 0xd 0xe 0xf 0xsp 0xpc" (proc(5)). */
static int parse(const char *text, struct asleep *ret)
{
	const char *at = text;
	uint64_t number = 0, values[8];
	size_t wanted, count = 0;
	bool negative;

	*ret = (struct asleep){.call = ASLEEP_RUNNING};
	if (!memcmp(text, "running", 7))
		return 0;
	negative = *at == '-';
	at += negative;
	if (!parse_unsigned(&at, &number))
		return -EINVAL;
	wanted = negative ? 2 : 8;
	while (count < wanted && at[0] == ' ' && at[1] == '0' && at[2] == 'x') {
		at += 3;
		if (!parse_hex(&at, &values[count]))
			break;
		count++;
	}
	if (count != wanted)
		return -EINVAL;
	*ret = (struct asleep){
		.call = negative ? ASLEEP_BLOCKED : (int64_t)number,
		.arguments = {values[0], values[1]},
		.sp = values[count - 2],
		.pc = values[count - 1],
	};
	return 0;
}

int asleep_look(pid_t pid, uint32_t tid, struct asleep *ret)
{
	char path[PROC_PATH_BYTES], text[256];
	int64_t length;

	proc_path_task(path, sizeof(path), pid, tid, "/syscall");
	length = sys_read_file(path, text, sizeof(text));
	return length < 0 ? (int)length : parse(text, ret);
}

bool asleep_take(pid_t pid, uint32_t tid, const struct asleep *at, uint64_t stack_start,
	uint64_t stack_end, const struct lang *lang, struct asleep_copy *ret)
{
	uint64_t begin = at->sp, length = ASLEEP_STACK_BYTES;
	struct memory_process memory;
	struct asleep after;
	int64_t got;

	memory_process_init(&memory, pid);
	if (begin >= stack_start && begin - stack_start >= RED_ZONE)
		begin -= RED_ZONE;
	if (begin >= stack_start && begin < stack_end && stack_end - begin < length)
		length = stack_end - begin;
	got = memory.memory.read(&memory.memory, begin, ret->bytes, length);
	if (got < RED_ZONE + 16)
		return false;
	ret->start = begin;
	ret->length = (size_t)got;
	ret->slot_count = 0;
	if (lang && lang->ops->capture_asleep)
		ret->slot_count =
			lang->ops->capture_asleep(lang->state, tid, ret->slots, ASLEEP_SLOTS_MAX);
	return !asleep_look(pid, tid, &after) && after.call == at->call && after.sp == at->sp &&
	       after.pc == at->pc;
}

struct unwind_sample asleep_sample(const struct asleep *at, const struct asleep_copy *copy)
{
	struct unwind_sample sample = {
		.registers_partial = true,
		.stack_start = copy->start,
		.bytes = copy->bytes,
		.length = copy->length,
		.slots = copy->slots,
		.slot_count = copy->slot_count,
	};

	sample.registers[UNWIND_RSP] = at->sp;
	sample.registers[UNWIND_RIP] = at->pc;
	return sample;
}
