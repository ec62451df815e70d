/* SPDX-License-Identifier: Apache-2.0 */
/* procfs.c - see procfs.h. Tier C. */
#include "procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PATH_SIZE = 96,            /* of the paths below /proc that are made here */
	KERNEL_THREAD = 0x00200000 /* PF_KTHREAD, include/linux/sched.h */
};

static int proc_path(char *ret, pid_t pid, const char *name)
{
	return snprintf(ret, PATH_SIZE, "/proc/%d/%s", (int)pid, name) < PATH_SIZE ? 0
										   : -ENAMETOOLONG;
}

ssize_t procfs_read(pid_t pid, const char *name, char *buffer, size_t size)
{
	char path[PATH_SIZE];
	size_t length = 0;
	ssize_t got = 0;
	int fd;

	if (proc_path(path, pid, name) < 0)
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* A read gives a page at most. */
	while (length < size - 1 && (got = read(fd, buffer + length, size - 1 - length)) > 0)
		length += (size_t)got;
	got = got < 0 ? -errno : (ssize_t)length;
	close(fd);
	buffer[length] = '\0';
	return got;
}

ssize_t procfs_link(pid_t pid, const char *name, char *buffer, size_t size)
{
	char path[PATH_SIZE];
	ssize_t length;

	if (proc_path(path, pid, name) < 0)
		return -ENAMETOOLONG;
	length = readlink(path, buffer, size - 1);
	if (length < 0)
		return -errno;
	buffer[length] = '\0';
	return length;
}

/* Moves past `count` fields of a stat file. */
static const char *skip_fields(const char *at, int count)
{
	while (count-- > 0) {
		at += strcspn(at, " ");
		at += strspn(at, " ");
	}
	return at;
}

int procfs_stat_parse(const char *text, struct procfs_stat *ret)
{
	/* The name may hold blanks and brackets; nothing after it does. */
	const char *name = strchr(text, '('), *end = strrchr(text, ')'), *at;

	if (!name || !end || end < name || end[1] != ' ')
		return -EINVAL;
	name++;
	snprintf(ret->name, sizeof(ret->name), "%.*s", (int)(end - name), name);
	at = end + 2; /* the third field, of proc(5)'s numbers */
	ret->state = *at;
	at = skip_fields(at, 1);
	ret->parent = (pid_t)strtol(at, NULL, 10);
	at = skip_fields(at, 9 - 4);
	ret->kernel = (strtoul(at, NULL, 10) & KERNEL_THREAD) != 0;
	at = skip_fields(at, 22 - 9);
	ret->start = strtoull(at, NULL, 10);
	return *at ? 0 : -EINVAL;
}

int procfs_stat(pid_t pid, struct procfs_stat *ret)
{
	char text[1024];
	ssize_t length = procfs_read(pid, "stat", text, sizeof(text));

	return length < 0 ? (int)length : procfs_stat_parse(text, ret);
}

const char *procfs_field(const char *status, const char *field)
{
	size_t length = strlen(field);

	for (const char *line = status; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, field, length) == 0)
			return line + length + strspn(line + length, " \t");
	}
	return NULL;
}

uint64_t procfs_namespace(pid_t pid, const char *kind)
{
	char path[PATH_SIZE];
	struct stat status;

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, kind);
	return stat(path, &status) == 0 ? status.st_ino : 0;
}

int procfs_each(const char *folder, int (*visit)(void *context, int number), void *context)
{
	DIR *listing = opendir(folder);
	const struct dirent *entry;
	int result = 0;

	if (!listing)
		return -errno;
	while (!result && (entry = readdir(listing))) {
		char *end;
		long number = strtol(entry->d_name, &end, 10);

		if (end != entry->d_name && !*end && number >= 0 && number <= INT_MAX)
			result = visit(context, (int)number);
	}
	closedir(listing);
	return result;
}
