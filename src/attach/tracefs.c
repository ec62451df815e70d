/* SPDX-License-Identifier: Apache-2.0 */
#include "tracefs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A mount of our own that stands nowhere in the tree of folders (fsmount(2)). */
static int open_detached(void)
{
	int context = (int)syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC), fd = -1;

	if (context < 0)
		return -errno;
	if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		fd = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY);
	if (fd < 0)
		fd = -errno;
	close(context);
	return fd;
}

const char *tracefs_place(void)
{
	static const char *const events[] = {
		"/sys/kernel/tracing/events", "/sys/kernel/debug/tracing/events"};
	static const char *const places[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};
	struct stat status;
	int reason = ENOENT;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (stat(events[i], &status) == 0)
			return places[i];
		if (errno != ENOENT)
			reason = errno;
	}
	errno = reason;
	return NULL;
}

int tracefs_open(void)
{
	const char *place = tracefs_place();
	int fd;

	if (!place)
		return open_detached();
	fd = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int tracefs_event(int tracefs, const char *event)
{
	char path[128], text[32] = "";
	ssize_t length;
	int fd, number;

	snprintf(path, sizeof(path), "events/%s/id", event);
	fd = openat(tracefs, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	number = length > 0 ? atoi(text) : 0;
	return number > 0 ? number : -EINVAL;
}
