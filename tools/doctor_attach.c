/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_attach.c - what attaching to a process needs of this machine and of who asks: the kernel,
 * capabilities, the tracing file system. What can be tried is tried, in a child, and undone at
 * once. Not here: whether a particular process may be looked at (doctor_process.c).
 *
 * Tier C.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "capability.h"
#include "command.h"
#include "doctor.h"
#include "tracefs.h"

/* The inode of the first user namespace (PROC_USER_INIT_INO, include/linux/proc_ns.h). */
static const uint64_t first_user_namespace = 0xEFFFFFFD;

static void look_at_command(const struct subject *subject, struct doctor_answer *ret)
{
	(void)subject;
	if (command_find("attach"))
		doctor_ok(ret, "holter attach");
	else
		doctor_trouble(ret, DOCTOR_NO, "start the server with: holter run -- PROGRAM",
			"this version cannot attach to a running process");
}

static void look_at_kernel(const struct subject *subject, struct doctor_answer *ret)
{
	unsigned major = 0, minor = 0, version;
	struct utsname names = {0};

	(void)subject;
	uname(&names);
	if (sscanf(names.release, "%u.%u", &major, &minor) != 2)
		major = 0;
	version = major * 1000 + minor;
	if (version < 5015)
		doctor_limit(ret, DOCTOR_NO, LIMIT_KERNEL,
			"Linux %s: what the probes need came with 5.15", names.release);
	else
		doctor_ok(ret, "Linux %s", names.release);
}

static void look_at_types(const struct subject *subject, struct doctor_answer *ret)
{
	static const char path[] = "/sys/kernel/btf/vmlinux";

	(void)subject;
	if (access(path, R_OK) == 0)
		doctor_ok(ret, "%s is there", path);
	else
		doctor_limit(ret, DOCTOR_NO, LIMIT_NO_BTF, "%s: %s", path, strerror(errno));
}

static void look_at_lockdown(const struct subject *subject, struct doctor_answer *ret)
{
	char modes[128];

	(void)subject;
	/* "none [integrity] confidentiality" */
	if (!doctor_read("/sys/kernel/security/lockdown", NULL, modes, sizeof(modes)))
		doctor_ok(ret, "none that is known of");
	else if (strstr(modes, "[confidentiality]"))
		doctor_limit(ret, DOCTOR_NO, LIMIT_LOCKDOWN,
			"for confidentiality: no program may read the kernel's memory");
	else
		doctor_ok(ret, "%s", modes);
}

/* CAP_SYS_ADMIN stands for these two (bpf_capable, perfmon_capable: include/linux/capability.h). */
static void look_at_tracing_capability(
	struct doctor_answer *ret, enum capability number, const char *without)
{
	if (capability_held(number))
		doctor_ok(ret, "held");
	else if (capability_held(CAPABILITY_SYS_ADMIN))
		doctor_ok(ret, "not held; CAP_SYS_ADMIN stands for it");
	else
		doctor_limit(ret, DOCTOR_NO, LIMIT_NO_BPF, "not held: %s", without);
}

static void look_at_cap_bpf(const struct subject *subject, struct doctor_answer *ret)
{
	(void)subject;
	look_at_tracing_capability(ret, CAPABILITY_BPF, "no probe can be loaded");
}

static void look_at_cap_perfmon(const struct subject *subject, struct doctor_answer *ret)
{
	(void)subject;
	look_at_tracing_capability(ret, CAPABILITY_PERFMON,
		"no probe may read memory, and running threads have no stacks");
}

static void look_at_cap_ptrace(const struct subject *subject, struct doctor_answer *ret)
{
	(void)subject;
	if (capability_held(CAPABILITY_SYS_PTRACE))
		doctor_ok(ret, "held");
	else
		doctor_limit(ret, DOCTOR_LIMITED, LIMIT_NO_ACCESS,
			"not held: processes of other users cannot be read, so that neither "
			"functions of theirs have names nor polling works");
}

static void look_at_cap_read(const struct subject *subject, struct doctor_answer *ret)
{
	(void)subject;
	if (capability_held(CAPABILITY_DAC_READ_SEARCH))
		doctor_ok(ret, "held");
	else
		doctor_limit(ret, DOCTOR_LIMITED, LIMIT_NO_ACCESS,
			"not held: open files and system calls of other users' processes are not "
			"shown, nor tracefs where it is root's alone");
}

static void look_at_cap_admin(const struct subject *subject, struct doctor_answer *ret)
{
	(void)subject;
	if (capability_held(CAPABILITY_SYS_ADMIN))
		doctor_ok(ret, "held");
	else
		doctor_ok(ret, "not held, and not needed beside CAP_BPF and CAP_PERFMON; only "
			       "tracefs cannot be mounted without it");
}

static void look_at_user_namespace(const struct subject *subject, struct doctor_answer *ret)
{
	struct stat status;

	(void)subject;
	if (stat("/proc/self/ns/user", &status) < 0 || status.st_ino == first_user_namespace)
		doctor_ok(ret, "the first one");
	else
		doctor_limit(ret, DOCTOR_NO, LIMIT_USER_NAMESPACE,
			"this is not the first one: capabilities held here do not count");
}

static int bpf(int command, union bpf_attr *attributes)
{
	long result = syscall(SYS_bpf, command, attributes, sizeof(*attributes));

	return result < 0 ? -errno : (int)result;
}

/*
 * A ring buffer, and a program for tracing that would read the kernel's memory, which needs the
 * most rights; it runs nowhere.
 */
static int attempt_bpf(void)
{
	static const char licence[] = "Dual BSD/GPL";
	const struct bpf_insn program[] = {
		/* bpf_probe_read_kernel(fp - 8, 8, NULL) */
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_10},
		{.code = BPF_ALU64 | BPF_ADD, .dst_reg = BPF_REG_1, .imm = -8},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 8},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = 0},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_probe_read_kernel},
		/* return 0 */
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr ring = {
		.map_type = BPF_MAP_TYPE_RINGBUF,
		.max_entries = (uint32_t)sysconf(_SC_PAGESIZE),
	};
	union bpf_attr load = {
		.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT,
		.insns = (uint64_t)(uintptr_t)program,
		.insn_cnt = sizeof(program) / sizeof(*program),
		.license = (uint64_t)(uintptr_t)licence,
	};
	int result = bpf(BPF_MAP_CREATE, &ring);

	if (result >= 0)
		result = bpf(BPF_PROG_LOAD, &load);
	return result < 0 ? result : 0; /* the end of the child closes both */
}

static void look_at_bpf(const struct subject *subject, struct doctor_answer *ret)
{
	char unprivileged[16] = "unknown";
	int result = doctor_try(attempt_bpf);

	(void)subject;
	doctor_read("/proc/sys/kernel/unprivileged_bpf_disabled", NULL, unprivileged,
		sizeof(unprivileged));
	if (result == 0)
		doctor_ok(ret,
			"a ring buffer and a program for tracing can be made "
			"(unprivileged_bpf_disabled is %s)",
			unprivileged);
	else if (result == -EINTR)
		doctor_limit(
			ret, DOCTOR_NO, LIMIT_NO_BPF, "a seccomp filter kills who calls bpf(2)");
	else if (result == -ENOSYS || result == -EINVAL)
		doctor_limit(ret, DOCTOR_NO, LIMIT_KERNEL,
			"this kernel lacks bpf(2), ring buffers or programs that trace: %s",
			strerror(-result));
	else
		doctor_limit(ret, DOCTOR_NO, LIMIT_NO_BPF,
			"refused: %s (unprivileged_bpf_disabled is %s)%s", strerror(-result),
			unprivileged,
			capability_held(CAPABILITY_SYS_ADMIN) ||
					(capability_held(CAPABILITY_BPF) &&
						capability_held(CAPABILITY_PERFMON))
				? " in spite of the capabilities: by a seccomp filter, a security "
				  "module or a user namespace"
				: "");
}

/* The clock that samples, on one CPU and for all processes; it is never started. */
static int attempt_perf_event(void)
{
	struct perf_event_attr attributes = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attributes),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.disabled = 1,
	};

	return syscall(SYS_perf_event_open, &attributes, -1, sched_getcpu(), -1,
		       PERF_FLAG_FD_CLOEXEC) < 0
		       ? -errno
		       : 0;
}

static void look_at_perf(const struct subject *subject, struct doctor_answer *ret)
{
	char level[16] = "unknown";
	int result = doctor_try(attempt_perf_event);

	(void)subject;
	doctor_read("/proc/sys/kernel/perf_event_paranoid", NULL, level, sizeof(level));
	if (result == 0)
		doctor_ok(ret, "a CPU's clock can be opened (perf_event_paranoid is %s)", level);
	else
		doctor_limit(ret, DOCTOR_LIMITED, LIMIT_NO_PERF,
			"a CPU's clock cannot be opened: %s (perf_event_paranoid is %s)",
			result == -EINTR ? "a seccomp filter kills who tries" : strerror(-result),
			level);
}

static int attempt_tracepoint(void)
{
	int tracefs = tracefs_open(), event;

	if (tracefs < 0)
		return tracefs;
	event = tracefs_event(tracefs, "syscalls/sys_enter_epoll_wait");
	return event < 0 ? event : 0;
}

static void look_at_tracepoints(const struct subject *subject, struct doctor_answer *ret)
{
	const char *place = tracefs_place();
	const char *reason = place || errno != ENOENT ? "may not be read" : "is not mounted";
	int result = doctor_try(attempt_tracepoint);

	(void)subject;
	if (place && result == -ENOENT)
		reason = "has none of system calls";
	if (result < 0)
		doctor_limit(ret, DOCTOR_NO, LIMIT_NO_TRACEFS, "tracefs %s", reason);
	else if (place)
		doctor_ok(ret, "those of system calls are in %s", place);
	else
		doctor_ok(ret,
			"tracefs %s; it can be mounted for the time of attaching, where "
			"nobody sees it",
			reason);
}

static void look_at_yama(const struct subject *subject, struct doctor_answer *ret)
{
	char scope[16];

	(void)subject;
	if (!doctor_read("/proc/sys/kernel/yama/ptrace_scope", NULL, scope, sizeof(scope)))
		doctor_ok(ret, "none: processes of the same user may be read");
	else if (scope[0] == '0')
		doctor_ok(ret, "ptrace_scope is 0: processes of the same user may be read");
	else if (scope[0] != '3' && capability_held(CAPABILITY_SYS_PTRACE))
		doctor_ok(ret, "ptrace_scope is %s, and CAP_SYS_PTRACE goes before it", scope);
	else
		doctor_limit(ret, scope[0] == '3' ? DOCTOR_NO : DOCTOR_LIMITED, LIMIT_NO_ACCESS,
			"ptrace_scope is %s: %s", scope,
			scope[0] == '3' ? "no process may be read, until the next boot"
					: "processes that are no children may not be read");
}

/* The last mount on /proc is the one that counts. */
static void read_hidepid(char *ret, size_t size)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char line[4096];

	ret[0] = '\0';
	while (file && fgets(line, sizeof(line), file)) {
		const char *options = strstr(line, " - proc "), *hide;

		if (!options || !strstr(line, " /proc "))
			continue;
		hide = strstr(options, "hidepid=");
		snprintf(ret, size, "%.*s", hide ? (int)strcspn(hide, ",\n") : 0, hide ? hide : "");
	}
	if (file)
		fclose(file);
}

static void look_at_hidden(const struct subject *subject, struct doctor_answer *ret)
{
	char option[64];

	(void)subject;
	read_hidepid(option, sizeof(option));
	if (!option[0] || strcmp(option, "hidepid=off") == 0 || strcmp(option, "hidepid=0") == 0)
		doctor_ok(ret, "shows all processes");
	else if (capability_held(CAPABILITY_SYS_PTRACE))
		doctor_ok(ret, "is mounted with %s, and CAP_SYS_PTRACE goes before it", option);
	else
		doctor_limit(ret, DOCTOR_LIMITED, LIMIT_HIDDEN,
			"is mounted with %s: processes of other users are hidden", option);
}

const struct doctor_check doctor_attach[] = {
	{"attach", MODES_ATTACHING, look_at_command},
	{"kernel", MODE_PROBES, look_at_kernel},
	{"kernel types (BTF)", MODE_PROBES, look_at_types},
	{"lockdown", MODE_PROBES, look_at_lockdown},
	{"user namespace", MODE_PROBES, look_at_user_namespace},
	{"CAP_BPF", MODE_PROBES, look_at_cap_bpf},
	{"CAP_PERFMON", MODE_PROBES, look_at_cap_perfmon},
	{"CAP_SYS_ADMIN", MODE_PROBES, look_at_cap_admin},
	{"bpf(2)", MODE_PROBES, look_at_bpf},
	{"perf events", MODE_PROBES, look_at_perf},
	{"tracepoints", MODE_PROBES, look_at_tracepoints},
	{"CAP_SYS_PTRACE", MODES_ATTACHING, look_at_cap_ptrace},
	{"CAP_DAC_READ_SEARCH", MODES_ATTACHING, look_at_cap_read},
	{"Yama", MODES_ATTACHING, look_at_yama},
	{"/proc", MODES_ATTACHING, look_at_hidden},
	{NULL, 0, NULL},
};
