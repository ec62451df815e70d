/* SPDX-License-Identifier: Apache-2.0 */
/* perf_map.c - see perf_map.h. */
#include "perf_map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process_file.h"

struct entry {
	uint64_t start, end;
	uint64_t reach; /* greatest end of this and all before it */
	const char *name;
	size_t order; /* in the file: code is freed, and its addresses used again */
};

struct perf_map {
	char *text;
	struct entry *entries; /* by start */
	size_t count, capacity;
};

static int open_trusted(int folder, const char *name, uid_t owner, size_t *ret_size)
{
	int found = openat(folder, name, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	struct stat status;

	if (found < 0)
		return -errno;
	if (fstat(found, &status) < 0 || !S_ISREG(status.st_mode) ||
		(status.st_uid != geteuid() && status.st_uid != 0 && status.st_uid != owner) ||
		status.st_mode & S_IWOTH) {
		close(found);
		return -EPERM;
	}
	*ret_size =
		status.st_size > PERF_MAP_BYTES_MAX ? PERF_MAP_BYTES_MAX : (size_t)status.st_size;
	return process_file_read(found);
}

static int read_text(struct perf_map *map, int fd, size_t size)
{
	size_t used = 0;

	map->text = malloc(size + 1);
	if (!map->text)
		return -ENOMEM;
	while (used < size) {
		ssize_t got = read(fd, map->text + used, size - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		used += (size_t)got;
	}
	map->text[used] = '\0';
	return 0;
}

static bool read_number(char **at, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(*at, &end, 16);
	if (end == *at || *end != ' ' || errno)
		return false;
	*at = end + 1;
	return true;
}

/* One line: "START SIZE name". What is no such line is left out. */
static int add_line(struct perf_map *map, char *line)
{
	struct entry entry = {.order = map->count};
	uint64_t size;

	if (!read_number(&line, &entry.start) || !read_number(&line, &size) || !*line || !size ||
		__builtin_add_overflow(entry.start, size, &entry.end))
		return 0;
	if (map->count == map->capacity) {
		size_t capacity = map->capacity ? map->capacity * 2 : 1024;
		void *grown = reallocarray(map->entries, capacity, sizeof(*map->entries));

		if (!grown)
			return -ENOMEM;
		map->entries = grown;
		map->capacity = capacity;
	}
	entry.name = line;
	if (strlen(line) > PERF_MAP_NAME_MAX)
		line[PERF_MAP_NAME_MAX] = '\0';
	map->entries[map->count++] = entry;
	return 0;
}

static int compare(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

static int parse(struct perf_map *map)
{
	char *rest = map->text, *line;

	while ((line = strsep(&rest, "\n"))) {
		if (add_line(map, line) < 0)
			return -ENOMEM;
	}
	if (map->count)
		qsort(map->entries, map->count, sizeof(*map->entries), compare);
	for (size_t i = 0; i < map->count; i++) {
		uint64_t before = i ? map->entries[i - 1].reach : 0;

		map->entries[i].reach = before > map->entries[i].end ? before : map->entries[i].end;
	}
	return 0;
}

int perf_map_open(struct perf_map **ret, int folder, const char *name, uid_t owner)
{
	struct perf_map *map;
	size_t size = 0;
	int fd = open_trusted(folder, name, owner, &size), result = -ENOMEM;

	if (fd < 0)
		return fd;
	map = calloc(1, sizeof(*map));
	if (map)
		result = read_text(map, fd, size);
	if (result == 0)
		result = parse(map);
	close(fd);
	if (result < 0) {
		perf_map_free(map);
		return result;
	}
	*ret = map;
	return 0;
}

const char *perf_map_find(const struct perf_map *map, uint64_t address)
{
	const struct entry *found = NULL;
	size_t low = 0, high = map->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (map->entries[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t i = low; i > 0 && address < map->entries[i - 1].reach; i--) {
		const struct entry *entry = map->entries + i - 1;

		if (address < entry->end && (!found || entry->order > found->order))
			found = entry;
	}
	return found ? found->name : NULL;
}

void perf_map_free(struct perf_map *map)
{
	if (!map)
		return;
	free(map->entries);
	free(map->text);
	free(map);
}
