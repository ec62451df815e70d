/* SPDX-License-Identifier: Apache-2.0 */
/*
 * perf_map.h - names of code that a foreign JIT has made, from the map that it wrote for perf
 * (/tmp/perf-PID.map; linux/tools/perf/Documentation/jit-interface.txt: "START SIZE name",
 * hexadecimal). The folder is everyone's: a file counts only if it is regular, no link, this
 * user's, root's or the process's, and not writable by others (hazard 52).
 *
 * Tier C. Data: a text file -> names by address.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct perf_map;

enum {
	PERF_MAP_BYTES_MAX = 256 << 20, /* what lies behind is not read */
	PERF_MAP_NAME_MAX = 4096,       /* a longer name is cut */
};

/*
 * Reads the map `name` in a folder that is open (or AT_FDCWD); `owner`: the user of the process.
 * Returns 0; -EPERM if it is not trustworthy; -ENOENT also if it is empty; another negative errno.
 */
int perf_map_open(struct perf_map **ret, int folder, const char *name, uid_t owner);
/* The name at an address, or null. Where entries overlap, the one written last counts. Borrowed
 * until free. */
const char *perf_map_find(const struct perf_map *map, uint64_t address);
void perf_map_free(struct perf_map *map);
