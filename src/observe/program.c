/* SPDX-License-Identifier: Apache-2.0 */
#include "program.h"

#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "proc_path.h"
#include "process_file.h"
#include "sys.h"

/* Whether the name leads to the running file. */
static bool is_running(pid_t pid, const char *name, const struct stat *running)
{
	int fd = process_file_find(pid, name);
	struct stat named = {0};
	bool same = fd >= 0 && !sys_fstat(fd, &named) && named.st_ino == running->st_ino &&
		    named.st_dev == running->st_dev;

	if (fd >= 0)
		sys_close(fd);
	return same;
}

void program_identify(struct program *ret, pid_t pid, const char *started)
{
	char path[PROC_PATH_BYTES], root[512];
	struct stat running = {0};
	const char *own;
	int64_t length;

	*ret = (struct program){0};
	proc_path(path, sizeof(path), pid, "/exe");
	if (!sys_stat(path, &running))
		ret->inode = running.st_ino;
	if (started && *started == '/' && strlen(started) < sizeof(ret->path) &&
		is_running(pid, started, &running)) {
		strcpy(ret->path, started);
		return;
	}
	length = sys_readlink(path, ret->path, sizeof(ret->path) - 1);
	ret->path[length > 0 ? length : 0] = '\0';
	process_file_root(pid, root, sizeof(root));
	own = process_file_own_path(root, ret->path);
	memmove(ret->path, own, strlen(own) + 1);
}
