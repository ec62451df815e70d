/* SPDX-License-Identifier: Apache-2.0 */
#include "complaint.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format.h"
#include "sys.h"

static struct stat at_start; /* of standard error; no inode: there is none to write to */

void complaint_init(void)
{
	struct stat input = {0}, error = {0};

	if (sys_fstat(STDERR_FILENO, &error))
		return;
	/* One socket for both is a client (inetd). */
	if (S_ISSOCK(error.st_mode) && !sys_fstat(STDIN_FILENO, &input) &&
		input.st_ino == error.st_ino)
		return;
	at_start = error;
}

/* Descriptor 2 may be anything by now, a file of data as well (hazard 2). */
static bool may_write(void)
{
	struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
	struct stat now = {0};

	return at_start.st_ino && !sys_fstat(STDERR_FILENO, &now) &&
	       now.st_ino == at_start.st_ino && now.st_dev == at_start.st_dev &&
	       sys_call3(SYS_poll, (uint64_t)(uintptr_t)&ready, 1, 0) == 1 &&
	       ready.revents == POLLOUT;
}

static void format_reason(struct format *format, int error)
{
	switch (error) {
	case -EACCES:
	case -EPERM:
		format_text(format, "user ");
		format_unsigned(format, (uint64_t)sys_call3(SYS_geteuid, 0, 0, 0));
		format_text(format, " may not write there");
		break;
	case -ENOENT:
	case -ENOTDIR:
		format_text(format, "the folder is not there");
		break;
	case -EROFS:
		format_text(format, "the file system is read-only");
		break;
	case -ENOSPC:
	case -EDQUOT:
		format_text(format, "no space is left");
		break;
	case -ENOMEM:
		format_text(format, "no memory is left");
		break;
	default:
		format_text(format, "error ");
		format_unsigned(format, (uint64_t)-error);
	}
}

void complaint_no_recording(const char *path, int error)
{
	char line[4096 + 256];
	struct format format;

	if (!may_write())
		return;
	format_init(&format, line, sizeof(line));
	format_text(&format, "holter: no recording: ");
	format_text(&format, path);
	format_text(&format, *path ? ": " : "");
	/* A name may hold anything: it is to be one line, and no order to a terminal. */
	for (size_t i = 0; i < format.length; i++) {
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	}
	format_reason(&format, error);
	format_text(&format, "; choose another with -o or HOLTER_DIR\n");
	sys_write(STDERR_FILENO, line, format.length);
}
