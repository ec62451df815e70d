/* SPDX-License-Identifier: Apache-2.0 */
#include "recall.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "sys.h"

/* Reads a line. When there is no room the last one makes way. Returns its index, or -EFAULT. */
static int64_t read_line(struct recall *recall, uint64_t start)
{
	size_t i = recall->count < recall->capacity ? recall->count : recall->capacity - 1;

	if (!recall->reads_left)
		return -EFAULT;
	recall->reads_left--;
	recall->count = i;
	if (recall->source->read(recall->source, start, recall->bytes[i], RECALL_LINE_BYTES) !=
		RECALL_LINE_BYTES)
		return -EFAULT;
	recall->lines[i].address = start;
	recall->count = i + 1;
	return (int64_t)i;
}

/* Returns the line that holds an address; null if it cannot be read. */
static const uint8_t *line_of(struct recall *recall, uint64_t address)
{
	uint64_t start = address & ~(uint64_t)(RECALL_LINE_BYTES - 1);
	int64_t i = (int64_t)recall->last;

	if (recall->last >= recall->count || recall->lines[i].address != start) {
		i = 0;
		while ((size_t)i < recall->count && recall->lines[i].address != start)
			i++;
		if ((size_t)i == recall->count)
			i = read_line(recall, start);
		if (i < 0)
			return NULL;
		recall->last = (size_t)i;
	}
	recall->lines[i].used = true;
	return recall->bytes[i];
}

static int64_t recall_read(struct memory *memory, uint64_t address, void *buffer, size_t length)
{
	struct recall *recall = (struct recall *)memory;
	size_t done = 0;

	if (address >= recall->stack_start && address < recall->stack_end &&
		length <= recall->stack_end - address) {
		memcpy(buffer, (const void *)(uintptr_t)address, length);
		return (int64_t)length;
	}
	while (done < length) {
		uint64_t at = address + done;
		size_t offset = at & (RECALL_LINE_BYTES - 1), part = RECALL_LINE_BYTES - offset;
		const uint8_t *line = line_of(recall, at);

		if (!line)
			break;
		if (part > length - done)
			part = length - done;
		memcpy((uint8_t *)buffer + done, line + offset, part);
		done += part;
	}
	return (int64_t)done;
}

int recall_init(
	struct recall *recall, struct arena *arena, pid_t pid, struct memory *source, size_t lines)
{
	*recall = (struct recall){.memory = {.read = recall_read}};
	recall->capacity = lines < RECALL_LINES_MAX ? lines : RECALL_LINES_MAX;
	recall->lines = arena_alloc(arena, recall->capacity * sizeof(*recall->lines));
	recall->bytes = arena_alloc(arena, recall->capacity * sizeof(*recall->bytes));
	if (!recall->lines || !recall->bytes)
		return -ENOMEM;
	memory_process_init(&recall->own, pid);
	recall->is_own = pid == sys_getpid();
	recall->source = recall->is_own ? &recall->own.memory : source;
	return 0;
}

/*
 * One call for all lines. The process writes to itself: it copies from the places given, as they
 * are, to the lines, which alone have to be looked up and held; reading would do that for each of
 * the places. It ends at the first that is not mapped.
 */
static void fetch(struct recall *recall)
{
	struct iovec from[RECALL_LINES_MAX], to = {recall->bytes, 0};
	size_t count = 0;
	int64_t got = 0;

	for (size_t i = 0; i < recall->count; i++) {
		uint64_t address = recall->lines[i].address;

		if (!recall->lines[i].used)
			continue;
		recall->lines[count].address = address;
		from[count++] = (struct iovec){(void *)(uintptr_t)address, RECALL_LINE_BYTES};
	}
	to.iov_len = count * RECALL_LINE_BYTES;
	if (count)
		got = sys_process_vm_writev(recall->own.pid, from, count, &to, 1);
	recall->count = got > 0 ? (size_t)got / RECALL_LINE_BYTES : 0;
}

void recall_begin(struct recall *recall, uint32_t reads, uint64_t stack_start, uint64_t stack_end)
{
	recall->reads_left = reads;
	recall->stack_start = stack_start;
	recall->stack_end = stack_end;
	if (recall->is_own)
		fetch(recall);
	else
		recall->count = 0;
	for (size_t i = 0; i < recall->capacity; i++)
		recall->lines[i].used = false;
}
