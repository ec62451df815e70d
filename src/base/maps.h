/* SPDX-License-Identifier: Apache-2.0 */
/*
 * maps.h - the mappings of a process, from /proc/PID/maps, without a heap or stdio.
 * Tier A: raw system calls only; storage is the caller's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum map_protection {
	MAP_READ = 1,
	MAP_WRITE = 2,
	MAP_EXECUTE = 4,
};

struct map {
	uint64_t start, end; /* addresses, end exclusive */
	uint64_t offset;     /* of start in the file, bytes */
	uint64_t inode;      /* 0: anonymous */
	uint32_t device;     /* major << 20 | minor */
	uint32_t path;      /* offset into maps.names; 0: none. "[stack]", "[vdso]" are paths too */
	uint8_t protection; /* enum map_protection */
};

struct maps {
	struct map *entries; /* ascending, not overlapping */
	size_t count, capacity;
	char *names; /* NUL-terminated strings; offset 0 is the empty string */
	size_t names_used, names_capacity;
	bool truncated; /* a capacity was reached: later mappings are missing */
	char root[512]; /* private: of the process, as process_file_root has it */
};

void maps_init(struct maps *maps, struct map *entries, size_t capacity, char *names,
	size_t names_capacity);
/* Replaces the content by that of /proc/PID/maps, paths as the process itself sees them. Returns 0
 * or a negative errno (content then empty). */
int maps_load(struct maps *maps, pid_t pid);
/* Returns the mapping that holds address, or null; borrowed until the next load. */
const struct map *maps_find(const struct maps *maps, uint64_t address);
/* Returns the path of a mapping ("" if it has none); borrowed until the next load. */
const char *maps_path(const struct maps *maps, const struct map *map);
