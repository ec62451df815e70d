/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 36_other_kernel.c - preloaded into the tool, it makes this kernel look like another one to it:
 *
 *     OTHER_RING=BYTES       the ring of records has that size, instead of the one asked for
 *     OTHER_REFUSES=PROGRAM  the verifier refuses the program of that name
 *     OTHER_LACKS=EVENT      there is no tracepoint "syscalls/name"
 *     OTHER_SWITCH=1         sched_switch does not tell in which state a thread leaves
 * (before 5.18) OTHER_WAITS=FILE       the verifier takes its time: it makes FILE, and waits until
 * that is gone
 */
#include <bpf/btf.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool is_named(const char *variable, const char *name)
{
	const char *value = getenv(variable);

	return value && strncmp(value, name, BPF_OBJ_NAME_LEN - 1) == 0;
}

/* As the kernel does it: words into the log, if there is one, and EACCES. */
static long refuse(const union bpf_attr *attributes)
{
	if (attributes->log_level && attributes->log_size)
		snprintf((char *)(uintptr_t)attributes->log_buf, attributes->log_size,
			"invalid mem access 'scalar'\n");
	errno = EACCES;
	return -1;
}

static void shrink(union bpf_attr *attributes)
{
	if (getenv("OTHER_RING") && strcmp(attributes->map_name, "ring") == 0)
		attributes->max_entries = (uint32_t)atoi(getenv("OTHER_RING"));
}

static void take_time(void)
{
	const char *path = getenv("OTHER_WAITS");
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;

	if (fd < 0)
		return;
	close(fd);
	unsetenv("OTHER_WAITS");
	while (access(path, F_OK) == 0)
		usleep(1000);
}

long syscall(long number, ...)
{
	long (*real)(long, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	union bpf_attr *attributes;
	va_list list;
	long a[6];

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	attributes = (union bpf_attr *)a[1];
	if (number == SYS_bpf && a[0] == BPF_PROG_LOAD)
		take_time();
	if (number == SYS_bpf && a[0] == BPF_PROG_LOAD &&
		is_named("OTHER_REFUSES", attributes->prog_name))
		return refuse(attributes);
	if (number == SYS_bpf && a[0] == BPF_MAP_CREATE)
		shrink(attributes);
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* The tool is built with large files. */
int openat64(int folder, const char *path, int flags, ...)
{
	int (*real)(int, const char *, int, ...) =
		(int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT, "openat64");
	const char *lacks = getenv("OTHER_LACKS");
	va_list list;
	int mode;

	va_start(list, flags);
	mode = va_arg(list, int);
	va_end(list);
	if (lacks && strncmp(path, "events/", 7) == 0 &&
		strncmp(path + 7, lacks, strlen(lacks)) == 0 && path[7 + strlen(lacks)] == '/') {
		errno = ENOENT;
		return -1;
	}
	return real(folder, path, flags, mode);
}

/* In the tool's own view of the kernel's types; libbpf, which asks with another, gets the truth. */
__s32 btf__find_by_name_kind(const struct btf *types, const char *name, __u32 kind)
{
	__s32 (*real)(const struct btf *, const char *, __u32) = (__s32(*)(
		const struct btf *, const char *, __u32))dlsym(RTLD_NEXT, "btf__find_by_name_kind");
	static const struct btf *own;

	if (getenv("OTHER_SWITCH") && strcmp(name, "btf_trace_sched_switch") == 0) {
		own = own ? own : types;
		name = types == own ? "btf_trace_sched_wakeup" : name;
	}
	return real(types, name, kind);
}
