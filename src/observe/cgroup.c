/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup.c - see cgroup.h. Sources: Documentation/admin-guide/cgroup-v2.rst (cpu.stat:
 * throttled_usec), Documentation/scheduler/sched-bwc.rst (version 1: throttled_time, nanoseconds).
 */
#include "cgroup.h"

#include <stdbool.h>
#include <string.h>

#include "format.h"
#include "proc_path.h"
#include "sys.h"

enum { TEXT_BYTES = 4096 };

static bool try_path(struct cgroup *cgroup, const char *mount, const char *group, size_t length)
{
	struct format path;
	char text[TEXT_BYTES];

	format_init(&path, cgroup->stat_path, sizeof(cgroup->stat_path));
	format_text(&path, mount);
	format_bytes(&path, group, length);
	format_text(&path, "/cpu.stat");
	if (sys_read_file(cgroup->stat_path, text, sizeof(text)) > 0 && strstr(text, "throttled"))
		return true;
	cgroup->stat_path[0] = '\0';
	return false;
}

/* "hierarchy:controllers:path"; version 2 has hierarchy 0 and no controllers (cgroups(7)). */
static bool try_line(struct cgroup *cgroup, const char *line, size_t length)
{
	static const char *const mounts[] = {
		"/sys/fs/cgroup/cpu,cpuacct",
		"/sys/fs/cgroup/cpu",
		"/sys/fs/cgroup",
		"/sys/fs/cgroup/unified",
	};
	const char *controllers = memchr(line, ':', length), *group = NULL;
	bool version2 = line[0] == '0', has_cpu = version2;

	if (controllers)
		group = memchr(controllers + 1, ':', length - (size_t)(controllers + 1 - line));
	if (!group)
		return false;
	for (const char *at = controllers + 1; at < group && !has_cpu; at++)
		has_cpu = !strncmp(at, "cpu", 3) && (at[3] == ',' || at[3] == ':') &&
			  (at[-1] == ',' || at[-1] == ':');
	if (!has_cpu)
		return false;
	group++;
	length -= (size_t)(group - line);
	if (length == 1)
		length = 0; /* "/": the mount point itself */
	for (size_t i = version2 ? 2 : 0; i < (version2 ? 4 : 2); i++) {
		/* Inside a container the mount point is the group, whatever its path outside. */
		if (try_path(cgroup, mounts[i], group, length) ||
			try_path(cgroup, mounts[i], "", 0))
			return true;
	}
	return false;
}

void cgroup_open(struct cgroup *ret, pid_t pid)
{
	char path[PROC_PATH_BYTES], text[TEXT_BYTES];

	ret->stat_path[0] = '\0';
	proc_path(path, sizeof(path), pid, "/cgroup");
	if (sys_read_file(path, text, sizeof(text)) <= 0)
		return;
	for (const char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
		if (try_line(ret, line, (size_t)(end - line)))
			return;
	}
}

static uint64_t field(const char *text, const char *name)
{
	const char *at = strstr(text, name);
	uint64_t value = 0;

	if (!at)
		return 0;
	at += strlen(name);
	return parse_unsigned(&at, &value) ? value : 0;
}

uint64_t cgroup_throttled_ns(const struct cgroup *cgroup)
{
	char text[TEXT_BYTES];
	uint64_t us;

	if (!cgroup->stat_path[0] || sys_read_file(cgroup->stat_path, text, sizeof(text)) <= 0)
		return 0;
	us = field(text, "throttled_usec ");
	return us ? us * 1000 : field(text, "throttled_time ");
}
