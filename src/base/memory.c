/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "sys.h"

enum { PAGE_BYTES = 4096 };

static int64_t process_read(struct memory *memory, uint64_t address, void *buffer, size_t length)
{
	struct memory_process *process = (struct memory_process *)memory;
	/*
	 * One remote vector a page: the kernel copies whole vectors, so an unreadable page costs
	 * nothing of what precedes it.
	 */
	struct iovec local = {buffer, length}, remote[16];
	size_t count = 0, done = 0;
	int64_t got, total = 0;

	while (done < length || count) {
		uint64_t at = address + done;
		size_t part = PAGE_BYTES - (at & (PAGE_BYTES - 1));

		if (done < length && count < 16) {
			if (part > length - done)
				part = length - done;
			remote[count++] = (struct iovec){(void *)(uintptr_t)at, part};
			done += part;
			if (done < length && count < 16)
				continue;
		}
		local = (struct iovec){(uint8_t *)buffer + total, done - (size_t)total};
		got = sys_process_vm_readv(process->pid, &local, 1, remote, count);
		if (got < 0)
			return got == -EFAULT || total ? total : got;
		total += got;
		if ((size_t)total < done)
			return total;
		count = 0;
	}
	return total;
}

void memory_process_init(struct memory_process *process, pid_t pid)
{
	*process = (struct memory_process){.memory = {.read = process_read}, .pid = pid};
}

static const struct memory_page *cache_page(struct memory_cache *cache, uint64_t address)
{
	uint64_t start = address & ~(uint64_t)(PAGE_BYTES - 1);
	struct memory_page *page = &cache->pages[(start / PAGE_BYTES) & (cache->page_count - 1)];

	if (page->address == (start | 1))
		return page;
	page->address = 0;
	if (cache->source->read(cache->source, start, page->bytes, PAGE_BYTES) != PAGE_BYTES)
		return NULL;
	page->address = start | 1;
	return page;
}

static int64_t cache_read(struct memory *memory, uint64_t address, void *buffer, size_t length)
{
	struct memory_cache *cache = (struct memory_cache *)memory;
	size_t done = 0;

	/* A large read would only flush the cache. */
	if (length > 2 * PAGE_BYTES)
		return cache->source->read(cache->source, address, buffer, length);
	while (done < length) {
		uint64_t at = address + done;
		size_t offset = at & (PAGE_BYTES - 1), part = PAGE_BYTES - offset;
		const struct memory_page *page = cache_page(cache, at);

		if (!page)
			break;
		if (part > length - done)
			part = length - done;
		memcpy((uint8_t *)buffer + done, page->bytes + offset, part);
		done += part;
	}
	return (int64_t)done;
}

void memory_cache_init(struct memory_cache *cache, struct memory *source, struct memory_page *pages,
	size_t page_count)
{
	*cache = (struct memory_cache){
		.memory = {.read = cache_read},
		.source = source,
		.pages = pages,
		.page_count = page_count,
	};
	memory_cache_drop(cache);
}

void memory_cache_drop(struct memory_cache *cache)
{
	for (size_t i = 0; i < cache->page_count; i++)
		cache->pages[i].address = 0;
}

static int64_t patched_read(struct memory *memory, uint64_t address, void *buffer, size_t length)
{
	const struct memory_patched *patched = (const struct memory_patched *)memory;
	int64_t got = patched->source->read(patched->source, address, buffer, length);

	for (size_t i = 0; i < patched->count; i++) {
		const struct memory_patch *patch = &patched->patches[i];
		uint64_t from = patch->address > address ? patch->address : address;
		uint64_t to = patch->address + patch->length;

		if (to > address + length)
			to = address + length;
		if (from >= to)
			continue;
		memcpy((uint8_t *)buffer + (from - address), patch->bytes + (from - patch->address),
			to - from);
		/* It may be all that is left of what was there. */
		if (got >= 0 && from - address <= (uint64_t)got && to - address > (uint64_t)got)
			got = (int64_t)(to - address);
	}
	return got;
}

void memory_patched_init(struct memory_patched *patched, struct memory *source)
{
	*patched = (struct memory_patched){.memory = {.read = patched_read}, .source = source};
}

int memory_exact(struct memory *memory, uint64_t address, void *buffer, size_t length)
{
	return memory->read(memory, address, buffer, length) == (int64_t)length ? 0 : -EFAULT;
}

int memory_u64(struct memory *memory, uint64_t address, uint64_t *ret)
{
	return memory_exact(memory, address, ret, sizeof(*ret));
}

int memory_u32(struct memory *memory, uint64_t address, uint32_t *ret)
{
	return memory_exact(memory, address, ret, sizeof(*ret));
}

int memory_u16(struct memory *memory, uint64_t address, uint16_t *ret)
{
	return memory_exact(memory, address, ret, sizeof(*ret));
}

int64_t memory_string(struct memory *memory, uint64_t address, char *buffer, size_t size)
{
	size_t length = 0;

	while (length < size) {
		size_t part = size - length;
		const char *end;
		int64_t got;

		if (part > 256)
			part = 256;
		got = memory->read(memory, address + length, buffer + length, part);
		if (got <= 0)
			return -EFAULT;
		end = memchr(buffer + length, '\0', (size_t)got);
		if (end)
			return end - buffer;
		length += (size_t)got;
	}
	if (size)
		buffer[size - 1] = '\0';
	return -ENOBUFS;
}
