/* SPDX-License-Identifier: Apache-2.0 */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process_file.h"

enum { FILES_MAX = 512 };

struct held {
	uint64_t inode;
	uint32_t device; /* both as in /proc/PID/maps */
	int fd;          /* -1: it could not be opened */
	char *path;      /* as recorded; owned */
};

struct files {
	struct held held[FILES_MAX];
	size_t count;
};

struct files *files_new(void)
{
	return calloc(1, sizeof(struct files));
}

void files_free(struct files *files)
{
	if (!files)
		return;
	for (size_t i = 0; i < files->count; i++) {
		if (files->held[i].fd >= 0)
			close(files->held[i].fd);
		free(files->held[i].path);
	}
	free(files);
}

static bool is_held(const struct files *files, const struct map *map)
{
	for (size_t i = files->count; i-- > 0;) {
		if (files->held[i].inode == map->inode && files->held[i].device == map->device)
			return true;
	}
	return false;
}

/* A file system in layers may show another device number here: the inode must do. */
static bool is_mapped(int fd, const struct map *map)
{
	struct stat status;

	return fstat(fd, &status) == 0 && status.st_ino == map->inode;
}

static int open_mapped(const struct attached *attached, const struct map *map, const char *path)
{
	for (enum process_file_way way = 0; way < PROCESS_FILE_WAYS; way++) {
		int fd = process_file_open(attached->pid, way, map->start, map->end, path);

		if (fd >= 0 && (way == PROCESS_FILE_MAPPED || is_mapped(fd, map)))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -1;
}

static void hold(struct files *files, const struct attached *attached, const struct map *map)
{
	const char *path = maps_path(stacks_maps(attached->stacks), map);
	struct held *held = &files->held[files->count];

	*held = (struct held){.inode = map->inode, .device = map->device};
	held->path = strdup(map->inode == attached->program.inode ? attached->program.path : path);
	if (!held->path)
		return;
	held->fd = open_mapped(attached, map, path);
	files->count++;
}

void files_look(struct files *files, const struct attached *attached)
{
	const struct maps *maps = attached->stacks ? stacks_maps(attached->stacks) : NULL;

	for (size_t i = 0; maps && i < maps->count && files->count < FILES_MAX; i++) {
		const struct map *map = &maps->entries[i];

		if ((map->protection & MAP_EXECUTE) && map->inode && !is_held(files, map))
			hold(files, attached, map);
	}
}

/* Whether two paths are the same but for the mark of a file that was deleted between two looks. */
static bool is_same_path(const char *a, const char *b)
{
	static const char deleted[] = " (deleted)";
	size_t length = strlen(a) < strlen(b) ? strlen(a) : strlen(b);

	return strncmp(a, b, length) == 0 &&
	       (strcmp(a + length, b + length) == 0 || strcmp(a + length, deleted) == 0 ||
		       strcmp(b + length, deleted) == 0);
}

int files_open(void *context, const struct record_mapping *mapping, size_t attempt)
{
	const struct files *files = context;

	for (size_t i = 0; i < files->count; i++) {
		const struct held *held = &files->held[i];

		if (held->fd < 0 || !is_same_path(held->path, mapping->path) || attempt-- > 0)
			continue;
		return fcntl(held->fd, F_DUPFD_CLOEXEC, 0);
	}
	return -ENOENT;
}
