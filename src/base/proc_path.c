/* SPDX-License-Identifier: Apache-2.0 */
#include "proc_path.h"

#include "format.h"
#include "sys.h"

static void begin(struct format *path, char *buffer, size_t size, pid_t pid)
{
	format_init(path, buffer, size);
	format_text(path, "/proc/");
	if (pid == sys_getpid())
		format_text(path, "self");
	else
		format_unsigned(path, (uint64_t)pid);
}

void proc_path(char *buffer, size_t size, pid_t pid, const char *rest)
{
	struct format path;

	begin(&path, buffer, size, pid);
	format_text(&path, rest);
}

void proc_path_task(char *buffer, size_t size, pid_t pid, uint32_t tid, const char *rest)
{
	struct format path;

	begin(&path, buffer, size, pid);
	format_text(&path, "/task/");
	format_unsigned(&path, tid);
	format_text(&path, rest);
}
