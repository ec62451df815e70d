/* SPDX-License-Identifier: Apache-2.0 */
/* locate.c - see locate.h. */
#include "locate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "process_file.h"

int locate_root(const char *folder)
{
	int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int locate_file(int root, const char *path)
{
	int found;

	if (path[0] != '/')
		return -ENOENT;
	found = root == LOCATE_SYSTEM ? process_file_find(getpid(), path)
				      : process_file_below(root, path);
	return found < 0 ? found : process_file_read(found);
}

int locate_debug(int root, const uint8_t *build_id, size_t length)
{
	char path[128];
	size_t used;

	if (length < 2 || length > 32)
		return -ENOENT;
	used = (size_t)snprintf(path, sizeof(path), "/usr/lib/debug/.build-id/%02x/", build_id[0]);
	for (size_t i = 1; i < length; i++)
		used += (size_t)snprintf(path + used, sizeof(path) - used, "%02x", build_id[i]);
	snprintf(path + used, sizeof(path) - used, ".debug");
	return locate_file(root, path);
}
