/* SPDX-License-Identifier: Apache-2.0 */
#include "maps.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "format.h"
#include "proc_path.h"
#include "process_file.h"
#include "sys.h"

void maps_init(
	struct maps *maps, struct map *entries, size_t capacity, char *names, size_t names_capacity)
{
	*maps = (struct maps){
		.entries = entries,
		.capacity = capacity,
		.names = names,
		.names_capacity = names_capacity,
	};
	if (names_capacity)
		names[0] = '\0';
}

/* Stores a path once: successive mappings of one file share it. Returns its offset; 0 if there is
 * no room. */
static uint32_t intern_path(struct maps *maps, const char *path)
{
	const struct map *last = maps->count ? &maps->entries[maps->count - 1] : NULL;
	size_t length = strlen(path);
	uint32_t offset;

	if (!length)
		return 0;
	if (last && last->path && !strcmp(maps->names + last->path, path))
		return last->path;
	if (length + 1 > maps->names_capacity - maps->names_used) {
		maps->truncated = true;
		return 0;
	}
	offset = (uint32_t)maps->names_used;
	memcpy(maps->names + offset, path, length + 1);
	maps->names_used += length + 1;
	return offset;
}

static bool skip(const char **text, char expected)
{
	if (**text != expected)
		return false;
	(*text)++;
	return true;
}

/* "start-end rwxp offset major:minor inode   path" */
static bool parse_line(struct maps *maps, const char *line)
{
	struct map map = {0};
	uint64_t major, minor;

	if (!parse_hex(&line, &map.start) || !skip(&line, '-') || !parse_hex(&line, &map.end) ||
		!skip(&line, ' '))
		return false;
	if (strlen(line) < 5)
		return false;
	map.protection =
		(uint8_t)((line[0] == 'r' ? MAP_READ : 0) | (line[1] == 'w' ? MAP_WRITE : 0) |
			  (line[2] == 'x' ? MAP_EXECUTE : 0));
	line += 4;
	if (!skip(&line, ' ') || !parse_hex(&line, &map.offset) || !skip(&line, ' ') ||
		!parse_hex(&line, &major) || !skip(&line, ':') || !parse_hex(&line, &minor) ||
		!skip(&line, ' ') || !parse_unsigned(&line, &map.inode))
		return false;
	map.device = (uint32_t)(major << 20 | minor);
	while (*line == ' ')
		line++;
	if (maps->count == maps->capacity) {
		maps->truncated = true;
		return true;
	}
	map.path = intern_path(maps, process_file_own_path(maps->root, line));
	maps->entries[maps->count++] = map;
	return true;
}

static void forget(struct maps *maps)
{
	maps->count = 0;
	maps->names_used = maps->names_capacity ? 1 : 0;
	maps->truncated = false;
}

int maps_load(struct maps *maps, pid_t pid)
{
	char path[PROC_PATH_BYTES], buffer[8192];
	size_t held = 0;
	int64_t got;
	int fd;

	forget(maps);
	process_file_root(pid, maps->root, sizeof(maps->root));
	proc_path(path, sizeof(path), pid, "/maps");
	fd = sys_open(path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	while ((got = sys_read(fd, buffer + held, sizeof(buffer) - held)) > 0 || got == -EINTR) {
		char *line = buffer, *end;

		if (got < 0)
			continue;
		held += (size_t)got;
		while ((end = memchr(line, '\n', held - (size_t)(line - buffer)))) {
			*end = '\0';
			parse_line(maps, line);
			line = end + 1;
		}
		held -= (size_t)(line - buffer);
		memmove(buffer, line, held);
		if (held == sizeof(buffer))
			held = 0; /* no path is that long: not a maps file */
	}
	sys_close(fd);
	if (got < 0) {
		forget(maps);
		return (int)got;
	}
	return 0;
}

const struct map *maps_find(const struct maps *maps, uint64_t address)
{
	size_t low = 0, high = maps->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (maps->entries[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < maps->count && maps->entries[low].start <= address ? &maps->entries[low]
									: NULL;
}

const char *maps_path(const struct maps *maps, const struct map *map)
{
	return maps->names + map->path;
}
