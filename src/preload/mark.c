/* SPDX-License-Identifier: Apache-2.0 */
#include "mark.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "format.h"
#include "sys.h"

/* Workers of one program start together: each has a mark of its own. */
enum { MARKS_MAX = 64, SHORT_LIVES_MAX = 3, FILE_MODE = 0600 };

static struct {
	char stem[4096];        /* FOLDER/.holter-HOST-INODE. ; a number follows */
	int descriptor;         /* of our own mark; -1: none */
	uint64_t device, inode; /* what it stands for: where Holter has no descriptors of its own,
				 * the server may close it and use its number (hazard 22) */
	size_t own;
} mark = {.descriptor = -1};

static void mark_path(char *path, size_t size, size_t number)
{
	struct format format;

	format_init(&format, path, size);
	format_text(&format, mark.stem);
	format_unsigned(&format, number);
}

static void choose_stem(const char *recording, const char *host, uint64_t program)
{
	const char *slash = strrchr(recording, '/');
	size_t folder = slash ? (size_t)(slash + 1 - recording) : 0;
	struct format format;

	if (folder >= sizeof(mark.stem))
		folder = 0;
	memcpy(mark.stem, recording, folder);
	format_init(&format, mark.stem + folder, sizeof(mark.stem) - folder);
	format_text(&format, ".holter-");
	format_text(&format, host);
	format_text(&format, "-");
	format_unsigned(&format, program);
	format_text(&format, ".");
}

/* Opens and locks a mark. Returns a descriptor; -EWOULDBLOCK: somebody alive holds it. */
static int hold(const char *path, int flags)
{
	int fd = sys_open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | flags, FILE_MODE);
	int rc;

	if (fd < 0)
		return fd;
	rc = (int)sys_call3(SYS_flock, (uint64_t)fd, LOCK_EX | LOCK_NB, 0);
	if (!rc)
		return fd;
	sys_close(fd);
	return rc;
}

/* Counts the marks that nobody holds, and removes them if asked to. */
static size_t short_lives(bool remove)
{
	char path[sizeof(mark.stem) + 24];
	size_t count = 0;

	for (size_t i = 0; i < MARKS_MAX; i++) {
		int fd;

		mark_path(path, sizeof(path), i);
		fd = hold(path, 0);
		if (fd < 0)
			continue;
		count++;
		if (remove)
			sys_unlink(path);
		sys_close(fd);
	}
	return count;
}

/* Takes the mark for our own. */
static void keep(int descriptor, size_t number)
{
	struct stat status = {0};

	mark.descriptor = descriptor;
	mark.own = number;
	if (descriptor >= 0)
		sys_fstat(descriptor, &status);
	mark.device = status.st_dev;
	mark.inode = status.st_ino;
}

static void let_go(void)
{
	struct stat status = {0};

	if (!sys_fstat(mark.descriptor, &status) && status.st_dev == mark.device &&
		status.st_ino == mark.inode)
		sys_close(mark.descriptor);
	mark.descriptor = -1;
}

bool mark_start(const char *recording, const char *host, uint64_t program)
{
	char path[sizeof(mark.stem) + 24];

	choose_stem(recording, host, program);
	mark.descriptor = -1;
	if (short_lives(false) >= SHORT_LIVES_MAX) {
		short_lives(true);
		return true;
	}
	for (size_t i = 0; i < MARKS_MAX && mark.descriptor < 0; i++) {
		mark_path(path, sizeof(path), i);
		keep(hold(path, O_CREAT | O_EXCL), i);
		if (mark.descriptor < 0 && mark.descriptor != -EEXIST)
			break;
	}
	return false;
}

void mark_clear(void)
{
	char path[sizeof(mark.stem) + 24];

	if (mark.descriptor < 0)
		return;
	mark_path(path, sizeof(path), mark.own);
	sys_unlink(path);
	let_go();
	short_lives(true);
}
