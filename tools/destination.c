/* SPDX-License-Identifier: Apache-2.0 */
#include "destination.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "command.h"

enum { ROOM_BYTES = 1 << 20 }; /* less free space than this is as good as none */

char *destination_absolute(const char *path)
{
	char folder[PATH_MAX], *whole;

	if (*path == '/' || !getcwd(folder, sizeof(folder)))
		return strdup(path);
	return asprintf(&whole, "%s/%s", folder, path) < 0 ? NULL : whole;
}

/* Removes the recording of an earlier run. Anything else of that name stays. Returns 0 or an errno.
 */
static int make_way(const char *path)
{
	static const unsigned char magic[4] = {'H', 'L', 'T', 0xb1};
	unsigned char begin[4];
	struct stat status;
	ssize_t length;
	char *half;
	int fd;

	if (lstat(path, &status))
		return errno == ENOENT ? 0 : errno;
	/* Nothing else is opened: links lead elsewhere, and devices may act on it (hazard 52). */
	if (!S_ISREG(status.st_mode))
		return EEXIST;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno;
	length = read(fd, begin, sizeof(begin));
	close(fd);
	if (length && (length != sizeof(begin) || memcmp(begin, magic, sizeof(magic))))
		return EEXIST;
	if (asprintf(&half, "%s.1", path) > 0) {
		unlink(half);
		free(half);
	}
	return unlink(path) ? errno : 0;
}

bool destination_folder(const char *folder)
{
	struct statvfs space;

	if (access(folder, W_OK | X_OK) && (errno != ENOENT || mkdir(folder, 0700))) {
		complain("no recording: the folder %s: %s; choose another with -o or --dir", folder,
			strerror(errno));
		return false;
	}
	if (!statvfs(folder, &space) && space.f_bavail * space.f_frsize < ROOM_BYTES) {
		complain("no recording: no space is left in %s; make room, or choose another with "
			 "-o or --dir",
			folder);
		return false;
	}
	return true;
}

bool destination_prepare(const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int error;

	snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	if (!destination_folder(folder))
		return false;
	error = make_way(path);
	if (error == EEXIST)
		complain("no recording: %s is there already and is no recording; choose another "
			 "with -o",
			path);
	else if (error)
		complain("no recording: %s: %s; choose another with -o", path, strerror(error));
	return !error;
}
