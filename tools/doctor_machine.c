/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_machine.c - what this machine, this user and this installation allow. Each check tries
 * the thing itself where it can be tried.
 *
 * Tier C.
 */
#include <cpuid.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doctor.h"
#include "library.h"

enum {
	LOAD_PATIENCE_SECONDS = 5,
	ROOM_MIB = 64, /* of one recording, by default */
};

/* Runs this program with the library preloaded; the loader's complaints go to `fd`. */
_Noreturn static void load_in_child(int fd, const char *library)
{
	int nowhere = open("/dev/null", O_RDWR);

	alarm(LOAD_PATIENCE_SECONDS); /* outlives execl */
	dup2(nowhere, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	setenv("LD_PRELOAD", library, 1);
	setenv("HOLTER_DISABLE", "1", 1);
	execl("/proc/self/exe", "holter", "--version", (char *)NULL);
	_exit(127);
}

/* Returns what the loader said first ("" if nothing), or false if the trial failed otherwise. */
static bool try_to_load(const char *library, char *complaint, size_t size)
{
	ssize_t length = 0;
	int fds[2], status = -1;
	pid_t child;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return false;
	child = fork();
	if (child == 0)
		load_in_child(fds[1], library);
	close(fds[1]);
	/* The end of the child ends the pipe as well. */
	if (child > 0)
		length = read(fds[0], complaint, size - 1);
	complaint[length > 0 ? length : 0] = '\0';
	complaint[strcspn(complaint, "\n")] = '\0';
	close(fds[0]);
	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

static void look_at_library(pid_t pid, struct doctor_answer *ret)
{
	const char *library = library_path();
	char complaint[256] = "";

	(void)pid;
	if (!library)
		doctor_answer(ret, DOCTOR_NO, "install Holter again, as a whole",
			"libholter.so is not beside this program");
	else if (!try_to_load(library, complaint, sizeof(complaint)))
		doctor_answer(ret, DOCTOR_NO, "install Holter again, built on this system",
			"%s stops a program from starting: %s", library,
			complaint[0] ? complaint : "no reason given");
	else if (complaint[0])
		doctor_answer(ret, DOCTOR_NO, "install Holter again, built on this system",
			"%s does not load: %s", library, complaint);
	else
		doctor_answer(ret, DOCTOR_OK, NULL, "%s loads", library);
}

static void look_at_unwinder(pid_t pid, struct doctor_answer *ret)
{
	static const char *const names[] = {"_Ux86_64_init_remote", "_Ux86_64_step"};
	void *library = dlopen("libunwind-x86_64.so.8", RTLD_LAZY | RTLD_LOCAL);
	bool whole = library != NULL;

	(void)pid;
	for (size_t i = 0; whole && i < sizeof(names) / sizeof(*names); i++)
		whole = dlsym(library, names[i]) != NULL;
	if (whole)
		doctor_answer(ret, DOCTOR_OK, NULL, "libunwind-x86_64.so.8 can be loaded");
	else
		doctor_answer(ret, DOCTOR_LIMITED, "install libunwind8",
			"libunwind-x86_64.so.8 is missing: native stacks end at the first function "
			"without a frame pointer");
	if (library)
		dlclose(library);
}

static void look_at_memory(pid_t pid, struct doctor_answer *ret)
{
	uint64_t from = 42, to = 0;
	struct iovec source = {&from, sizeof(from)}, target = {&to, sizeof(to)};

	(void)pid;
	if (process_vm_readv(getpid(), &target, 1, &source, 1, 0) == sizeof(to) && to == from)
		doctor_answer(ret, DOCTOR_OK, NULL, "a process may read itself safely");
	else
		doctor_answer(ret, DOCTOR_LIMITED,
			"allow process_vm_readv in the container's seccomp profile",
			"process_vm_readv is refused (%s): no JavaScript names", strerror(errno));
}

static void look_at_clock(pid_t pid, struct doctor_answer *ret)
{
	unsigned a = 0, b = 0, c = 0, d = 0;
	char source[64] = "unknown";
	bool invariant;

	(void)pid;
	/* "Invariant TSC": Intel SDM volume 3, section 18.17.1. */
	invariant = __get_cpuid(0x80000007, &a, &b, &c, &d) && d & 1U << 8;
	doctor_read("/sys/devices/system/clocksource/clocksource0/current_clocksource", NULL,
		source, sizeof(source));
	if (invariant && strcmp(source, "tsc") == 0)
		doctor_answer(
			ret, DOCTOR_OK, NULL, "invariant time-stamp counter, clock source tsc");
	else
		doctor_answer(ret, DOCTOR_LIMITED, NULL,
			"%s time-stamp counter, clock source %s: each wait costs about 40 ns more",
			invariant ? "invariant" : "no invariant", source);
}

static void look_at_ptrace(pid_t pid, struct doctor_answer *ret)
{
	char scope[16];

	(void)pid;
	if (!doctor_read("/proc/sys/kernel/yama/ptrace_scope", NULL, scope, sizeof(scope)))
		doctor_answer(ret, DOCTOR_OK, NULL, "not restricted (no Yama)");
	else if (scope[0] == '0')
		doctor_answer(ret, DOCTOR_OK, NULL, "not restricted (ptrace_scope is 0)");
	else
		doctor_answer(ret, DOCTOR_LIMITED,
			"use sudo to look at a running process; recording needs nothing",
			"ptrace_scope is %s: `holter doctor -p` sees less of processes of yours; "
			"recording "
			"by preloading is not concerned",
			scope);
}

static void look_at_seccomp(pid_t pid, struct doctor_answer *ret)
{
	char mode[16];

	(void)pid;
	if (!doctor_read("/proc/self/status", "Seccomp:", mode, sizeof(mode)))
		doctor_answer(ret, DOCTOR_OK, NULL, "this kernel has none");
	else if (mode[0] == '0')
		doctor_answer(ret, DOCTOR_OK, NULL, "no filter here");
	else
		doctor_answer(ret, DOCTOR_LIMITED, NULL,
			"a filter is in force here (mode %s): what it refuses shows in the other "
			"checks",
			mode);
}

/* Where recordings go by default: the same rule as the library's own (src/preload/settings.h). */
static void recordings_folder(char *ret, size_t size)
{
	const char *folder = getenv("HOLTER_DIR"), *state = getenv("XDG_STATE_HOME");
	const char *temporary = getenv("TMPDIR");

	if (folder && *folder)
		snprintf(ret, size, "%s", folder);
	else if (state && *state == '/')
		snprintf(ret, size, "%s/holter", state);
	else
		snprintf(ret, size, "%s/holter-%u",
			temporary && *temporary == '/' ? temporary : "/tmp", (unsigned)geteuid());
}

/* The nearest folder above a path that exists: where the rest would be made. */
static void existing_part(char *path)
{
	while (access(path, F_OK) < 0) {
		char *slash = strrchr(path, '/');

		if (!slash || slash == path) {
			snprintf(path, 2, slash ? "/" : ".");
			return;
		}
		*slash = '\0';
	}
}

static void look_at_folder(pid_t pid, struct doctor_answer *ret)
{
	char folder[PATH_MAX], existing[PATH_MAX];
	struct statvfs space;
	unsigned long long free_mib;

	(void)pid;
	recordings_folder(folder, sizeof(folder));
	memcpy(existing, folder, sizeof(existing));
	existing_part(existing);
	if (access(existing, W_OK | X_OK) < 0 || statvfs(existing, &space) < 0) {
		doctor_answer(ret, DOCTOR_NO,
			"choose another folder: HOLTER_DIR, or holter run -d DIR",
			"%.300s cannot be written: %s", folder, strerror(errno));
		return;
	}
	free_mib = (unsigned long long)space.f_bavail * space.f_frsize >> 20;
	if (free_mib < ROOM_MIB)
		doctor_answer(ret, free_mib ? DOCTOR_LIMITED : DOCTOR_NO,
			"make room, or choose another folder: HOLTER_DIR, or holter run -d DIR",
			"%.300s has %llu MiB free; a recording takes up to %d MiB", folder,
			free_mib, ROOM_MIB);
	else
		doctor_answer(ret, DOCTOR_OK, NULL, "%.300s, %llu MiB free", folder, free_mib);
}

static void look_at_file_size(pid_t pid, struct doctor_answer *ret)
{
	struct rlimit limit;

	(void)pid;
	if (getrlimit(RLIMIT_FSIZE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY ||
		limit.rlim_cur >> 20 >= ROOM_MIB)
		doctor_answer(ret, DOCTOR_OK, NULL, "files may be as long as a recording");
	else
		doctor_answer(ret, limit.rlim_cur ? DOCTOR_LIMITED : DOCTOR_NO,
			"ulimit -f unlimited",
			"files may have %llu KiB at most: a recording ends there",
			(unsigned long long)limit.rlim_cur >> 10);
}

static void look_at_perf(pid_t pid, struct doctor_answer *ret)
{
	char level[16];

	(void)pid;
	if (!doctor_read("/proc/sys/kernel/perf_event_paranoid", NULL, level, sizeof(level)))
		doctor_answer(ret, DOCTOR_LIMITED, NULL,
			"this kernel has no perf events; nothing in this version needs them");
	else
		doctor_answer(ret, DOCTOR_OK, NULL,
			"perf_event_paranoid is %s; nothing in this version needs perf events",
			level);
}

static void look_at_types(pid_t pid, struct doctor_answer *ret)
{
	(void)pid;
	if (access("/sys/kernel/btf/vmlinux", R_OK) == 0)
		doctor_answer(ret, DOCTOR_OK, NULL, "/sys/kernel/btf/vmlinux is there");
	else
		doctor_answer(ret, DOCTOR_LIMITED, NULL,
			"no /sys/kernel/btf/vmlinux; nothing in this version needs it");
}

static void look_at_attach(pid_t pid, struct doctor_answer *ret)
{
	(void)pid;
	doctor_answer(ret, DOCTOR_NO, "start the server with: holter run -- PROGRAM",
		"this version cannot attach to a running process");
}

static void look_at_cgroup(pid_t pid, struct doctor_answer *ret)
{
	(void)pid;
	if (access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0)
		doctor_answer(ret, DOCTOR_OK, NULL, "version 2");
	else if (access("/sys/fs/cgroup/cpu", F_OK) == 0)
		doctor_answer(ret, DOCTOR_OK, NULL, "version 1");
	else
		doctor_answer(ret, DOCTOR_LIMITED, NULL,
			"not mounted: limits of CPU and memory are not known");
}

const struct doctor_check doctor_machine[] = {
	{"preload library", look_at_library},
	{"native unwinder", look_at_unwinder},
	{"safe memory reads", look_at_memory},
	{"clock", look_at_clock},
	{"seccomp", look_at_seccomp},
	{"recordings folder", look_at_folder},
	{"file size limit", look_at_file_size},
	{"cgroup", look_at_cgroup},
	{"other processes", look_at_ptrace},
	{"attach", look_at_attach},
	{"perf events", look_at_perf},
	{"kernel types (BTF)", look_at_types},
	{NULL, NULL},
};
