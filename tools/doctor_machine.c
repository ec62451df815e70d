/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_machine.c - what this machine, this user and this installation allow. Each check tries
 * the thing itself where it can be tried. Not here: what attaching alone needs (doctor_attach.c).
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

static void look_at_library(const struct subject *subject, struct doctor_answer *ret)
{
	const char *library = library_path();
	char complaint[256] = "";

	(void)subject;
	if (!library)
		doctor_trouble(ret, DOCTOR_NO, "install Holter again, as a whole",
			"libholter.so is not beside this program");
	else if (!try_to_load(library, complaint, sizeof(complaint)))
		doctor_trouble(ret, DOCTOR_NO, "install Holter again, built on this system",
			"%s stops a program from starting: %s", library,
			complaint[0] ? complaint : "no reason given");
	else if (complaint[0])
		doctor_trouble(ret, DOCTOR_NO, "install Holter again, built on this system",
			"%s does not load: %s", library, complaint);
	else
		doctor_ok(ret, "%s loads", library);
}

static void look_at_unwinder(const struct subject *subject, struct doctor_answer *ret)
{
	static const char *const names[] = {"_Ux86_64_init_remote", "_Ux86_64_step"};
	void *library = dlopen("libunwind-x86_64.so.8", RTLD_LAZY | RTLD_LOCAL);
	bool whole = library != NULL;

	(void)subject;
	for (size_t i = 0; whole && i < sizeof(names) / sizeof(*names); i++)
		whole = dlsym(library, names[i]) != NULL;
	if (whole)
		doctor_ok(ret, "libunwind-x86_64.so.8 can be loaded");
	else
		doctor_limit(ret, DOCTOR_LIMITED, LIMIT_UNWINDER,
			"libunwind-x86_64.so.8 is missing: native stacks end at the first function "
			"without a frame pointer");
	if (library)
		dlclose(library);
}

static void look_at_memory(const struct subject *subject, struct doctor_answer *ret)
{
	uint64_t from = 42, to = 0;
	struct iovec source = {&from, sizeof(from)}, target = {&to, sizeof(to)};

	(void)subject;
	if (process_vm_readv(getpid(), &target, 1, &source, 1, 0) == sizeof(to) && to == from)
		doctor_ok(ret, "a process may read itself safely");
	else
		doctor_limit(ret, DOCTOR_LIMITED, LIMIT_MEMORY,
			"process_vm_readv is refused (%s): no JavaScript names", strerror(errno));
}

static void look_at_clock(const struct subject *subject, struct doctor_answer *ret)
{
	unsigned a = 0, b = 0, c = 0, d = 0;
	char source[64] = "unknown";
	bool invariant;

	(void)subject;
	/* "Invariant TSC": Intel SDM volume 3, section 18.17.1. */
	invariant = __get_cpuid(0x80000007, &a, &b, &c, &d) && d & 1U << 8;
	doctor_read("/sys/devices/system/clocksource/clocksource0/current_clocksource", NULL,
		source, sizeof(source));
	if (invariant && strcmp(source, "tsc") == 0)
		doctor_ok(ret, "invariant time-stamp counter, clock source tsc");
	else
		doctor_trouble(ret, DOCTOR_LIMITED, NULL,
			"%s time-stamp counter, clock source %s: each wait costs about 40 ns more",
			invariant ? "invariant" : "no invariant", source);
}

static void look_at_seccomp(const struct subject *subject, struct doctor_answer *ret)
{
	char mode[16];

	(void)subject;
	if (!doctor_read("/proc/self/status", "Seccomp:", mode, sizeof(mode)))
		doctor_ok(ret, "this kernel has none");
	else if (mode[0] == '0')
		doctor_ok(ret, "no filter here");
	else
		doctor_trouble(ret, DOCTOR_LIMITED, NULL,
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

static void look_at_folder(const struct subject *subject, struct doctor_answer *ret)
{
	char folder[PATH_MAX], existing[PATH_MAX];
	struct statvfs space;
	unsigned long long free_mib;

	(void)subject;
	recordings_folder(folder, sizeof(folder));
	memcpy(existing, folder, sizeof(existing));
	existing_part(existing);
	if (access(existing, W_OK | X_OK) < 0 || statvfs(existing, &space) < 0) {
		doctor_trouble(ret, DOCTOR_NO,
			"choose another folder: HOLTER_DIR, or holter run -d DIR",
			"%.300s cannot be written: %s", folder, strerror(errno));
		return;
	}
	free_mib = (unsigned long long)space.f_bavail * space.f_frsize >> 20;
	if (free_mib < ROOM_MIB)
		doctor_trouble(ret, free_mib ? DOCTOR_LIMITED : DOCTOR_NO,
			"make room, or choose another folder: HOLTER_DIR, or holter run -d DIR",
			"%.300s has %llu MiB free; a recording takes up to %d MiB", folder,
			free_mib, ROOM_MIB);
	else
		doctor_ok(ret, "%.300s, %llu MiB free", folder, free_mib);
}

static void look_at_file_size(const struct subject *subject, struct doctor_answer *ret)
{
	struct rlimit limit;

	(void)subject;
	if (getrlimit(RLIMIT_FSIZE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY ||
		limit.rlim_cur >> 20 >= ROOM_MIB)
		doctor_ok(ret, "files may be as long as a recording");
	else
		doctor_trouble(ret, limit.rlim_cur ? DOCTOR_LIMITED : DOCTOR_NO,
			"ulimit -f unlimited",
			"files may have %llu KiB at most: a recording ends there",
			(unsigned long long)limit.rlim_cur >> 10);
}

static void look_at_cgroup(const struct subject *subject, struct doctor_answer *ret)
{
	(void)subject;
	if (access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0)
		doctor_ok(ret, "version 2");
	else if (access("/sys/fs/cgroup/cpu", F_OK) == 0)
		doctor_ok(ret, "version 1");
	else
		doctor_limit(ret, DOCTOR_LIMITED, LIMIT_THROTTLING,
			"not mounted: limits of CPU and memory are not known");
}

static void look_at_switches(const struct subject *subject, struct doctor_answer *ret)
{
	char folder[PATH_MAX], path[PATH_MAX + 16];

	(void)subject;
	recordings_folder(folder, sizeof(folder));
	snprintf(path, sizeof(path), "%s/disable", folder);
	if (access("/etc/holter/disable", F_OK) == 0)
		snprintf(path, sizeof(path), "/etc/holter/disable");
	if (access(path, F_OK) == 0)
		doctor_limit(ret, DOCTOR_NO, LIMIT_KEPT_OUT,
			"%.300s is there: no program that starts is recorded", path);
	else
		doctor_ok(ret, "no file keeps Holter out");
}

const struct doctor_check doctor_machine[] = {
	{"preload library", MODE_PRELOADING, look_at_library},
	{"kept out", MODE_PRELOADING, look_at_switches},
	{"clock", MODE_PRELOADING, look_at_clock},
	{"native unwinder", MODES_ALL, look_at_unwinder},
	{"safe memory reads", MODES_ALL, look_at_memory},
	{"seccomp here", MODES_ALL, look_at_seccomp},
	{"recordings folder", MODES_ALL, look_at_folder},
	{"file size limit", MODES_ALL, look_at_file_size},
	{"cgroup", MODES_ALL, look_at_cgroup},
	{NULL, 0, NULL},
};
