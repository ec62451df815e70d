/* SPDX-License-Identifier: Apache-2.0 */
#include "process_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>

#include "format.h"
#include "proc_path.h"
#include "sys.h"

/* Larger than any program or map. A sparse file may claim terabytes. */
static const int64_t file_bytes_max = (int64_t)32 << 30;

int process_file_below(int root, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	return (int)sys_call6(SYS_openat2, (uint64_t)root, (uint64_t)(uintptr_t)path,
		(uint64_t)(uintptr_t)&how, sizeof(how), 0, 0);
}

int process_file_find(pid_t pid, const char *path)
{
	char folder[PROC_PATH_BYTES];
	int root, fd;

	if (path[0] != '/')
		return -ENOENT;
	if (pid == sys_getpid())
		return sys_open(path, O_PATH | O_CLOEXEC, 0);
	proc_path(folder, sizeof(folder), pid, "/root");
	root = sys_open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (root < 0)
		return root;
	fd = process_file_below(root, path);
	sys_close(root);
	return fd;
}

int process_file_read(int found)
{
	char path[PROC_PATH_BYTES];
	struct stat status = {0};
	struct format format;
	int fd;

	fd = sys_fstat(found, &status);
	/* Files of procfs are regular and of size 0; reading some of them has effects. */
	if (!fd && (!S_ISREG(status.st_mode) || status.st_size == 0))
		fd = -ENOENT;
	else if (!fd && status.st_size > file_bytes_max)
		fd = -EFBIG;
	if (!fd) {
		/* Of the thread: in a server, Holter's has a descriptor table of its own. */
		format_init(&format, path, sizeof(path));
		format_text(&format, "/proc/thread-self/fd/");
		format_unsigned(&format, (uint64_t)found);
		fd = sys_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
	}
	sys_close(found);
	return fd;
}

/* /proc/PID/map_files has a link for each mapping, which leads to the mapped file itself. */
static int find_mapped(pid_t pid, uint64_t start, uint64_t end)
{
	char path[PROC_PATH_BYTES], name[48];
	struct format format;

	format_init(&format, name, sizeof(name));
	format_text(&format, "/map_files/");
	format_hex(&format, start);
	format_text(&format, "-");
	format_hex(&format, end);
	proc_path(path, sizeof(path), pid, name);
	return sys_open(path, O_PATH | O_CLOEXEC, 0);
}

static int find_executable(pid_t pid)
{
	char path[PROC_PATH_BYTES];

	proc_path(path, sizeof(path), pid, "/exe");
	return sys_open(path, O_PATH | O_CLOEXEC, 0);
}

int process_file_open(
	pid_t pid, enum process_file_way way, uint64_t start, uint64_t end, const char *path)
{
	int found = -ENOENT;

	switch (way) {
	case PROCESS_FILE_MAPPED:
		if (pid != sys_getpid())
			found = find_mapped(pid, start, end);
		break;
	case PROCESS_FILE_EXECUTABLE:
		found = find_executable(pid);
		break;
	case PROCESS_FILE_NAMED:
	case PROCESS_FILE_WAYS:
		found = process_file_find(pid, path);
		break;
	}
	return found < 0 ? found : process_file_read(found);
}

void process_file_root(pid_t pid, char *buffer, size_t size)
{
	char path[PROC_PATH_BYTES];
	int64_t length = -1;

	if (pid != sys_getpid()) {
		proc_path(path, sizeof(path), pid, "/root");
		length = sys_readlink(path, buffer, size);
	}
	/* "/" stands before every path; one that may have been cut before none. */
	buffer[length > 1 && (size_t)length < size ? length : 0] = '\0';
}

const char *process_file_own_path(const char *root, const char *path)
{
	size_t length = strlen(root);

	return length && strlen(path) > length && memcmp(path, root, length) == 0 &&
			       path[length] == '/'
		       ? path + length
		       : path;
}
