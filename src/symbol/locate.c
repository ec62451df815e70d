/* SPDX-License-Identifier: Apache-2.0 */
/* locate.c - see locate.h. */
#include "locate.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILE_BYTES_MAX ((off_t)32 << 30)

int locate_root(const char *folder)
{
	int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int open_below(int root, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	/* Where the kernel lacks the call (before 5.6), nothing below a root folder can be opened
	 * safely. */
	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

int locate_file(int root, const char *path)
{
	struct stat status;
	int fd, error = 0;

	if (path[0] != '/')
		return -ENOENT;
	fd = root == LOCATE_SYSTEM ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
				   : open_below(root, path);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &status) < 0)
		error = -errno;
	else if (!S_ISREG(status.st_mode) || status.st_size == 0)
		error = -ENOENT; /* files of procfs are regular and of size 0; reading some has
				    effects */
	else if (status.st_size > FILE_BYTES_MAX)
		error = -EFBIG;
	if (error) {
		close(fd);
		return error;
	}
	return fd;
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
