/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.h - reading an address space that may change or vanish under the reader.
 *
 * Everything that looks at a server's memory (unwinding, language runtimes) goes through a
 * `struct memory`, so that the same code serves the own process (preload) and another one
 * (attach), and tests can hand in made-up memory. A read never faults: it returns less.
 * Tier A.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct memory {
	/*
	 * Copies the longest readable prefix of [address, address + length) into buffer.
	 * Returns the bytes copied (0 if the first byte is unreadable), or a negative errno if
	 * reading is refused altogether.
	 */
	int64_t (*read)(struct memory *memory, uint64_t address, void *buffer, size_t length);
};

/* A process, through process_vm_readv(2). pid may be the caller's own. */
struct memory_process {
	struct memory memory;
	pid_t pid;
};

void memory_process_init(struct memory_process *process, pid_t pid);

/* A direct-mapped cache of 4 KiB pages in front of another memory. The storage is the caller's. */
struct memory_page {
	uint64_t address; /* page start | 1 when filled, 0 when empty */
	uint8_t bytes[4096];
};

struct memory_cache {
	struct memory memory;
	struct memory *source;
	struct memory_page *pages;
	size_t page_count; /* a power of two */
};

void memory_cache_init(struct memory_cache *cache, struct memory *source, struct memory_page *pages,
	size_t page_count);
/* Forgets every page: call it before each sample, whose memory is newer than the cache. */
void memory_cache_drop(struct memory_cache *cache);

/* What some bytes of another memory were at an earlier moment. */
struct memory_patch {
	uint64_t address;
	const uint8_t *bytes;
	size_t length;
};

/* Another memory with patches over it. The patches are borrowed. */
struct memory_patched {
	struct memory memory;
	struct memory *source;
	const struct memory_patch *patches;
	size_t count;
};

void memory_patched_init(struct memory_patched *patched, struct memory *source);

/* Reads exactly length bytes. Returns 0, or -EFAULT with the buffer's content unspecified. */
int memory_exact(struct memory *memory, uint64_t address, void *buffer, size_t length);
int memory_u64(struct memory *memory, uint64_t address, uint64_t *ret);
int memory_u32(struct memory *memory, uint64_t address, uint32_t *ret);
int memory_u16(struct memory *memory, uint64_t address, uint16_t *ret);
/* Reads a NUL-terminated string into buffer. Returns its length; -EFAULT; -ENOBUFS if cut. */
int64_t memory_string(struct memory *memory, uint64_t address, char *buffer, size_t size);
