/* SPDX-License-Identifier: Apache-2.0 */
#include "program.h"

#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "format.h"
#include "proc_path.h"
#include "sys.h"

/* Whether the name leads to the running file, seen from the process's own root folder. */
static bool is_running(pid_t pid, const char *name, const struct stat *running)
{
	char root[PROC_PATH_BYTES], path[sizeof(((struct program *)0)->path) + sizeof(root)];
	struct format format;
	struct stat named = {0};

	proc_path(root, sizeof(root), pid, "/root");
	format_init(&format, path, sizeof(path));
	format_text(&format, root);
	format_text(&format, name);
	/* A folder of the process's that is closed to us does not matter where it is ours. */
	return (!sys_stat(path, &named) || (pid == sys_getpid() && !sys_stat(name, &named))) &&
	       named.st_ino == running->st_ino && named.st_dev == running->st_dev;
}

void program_identify(struct program *ret, pid_t pid, const char *started)
{
	char path[PROC_PATH_BYTES];
	struct stat running = {0};
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
}
