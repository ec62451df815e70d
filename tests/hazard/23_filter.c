/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 23_filter.c - hazard 23: after its start, with Holter at work, the server installs a filter that
 * kills the process for every system call that it does not make itself, on all its threads. Then it
 * stalls, serves on, forks, and ends.
 *
 *     23_filter prctl          by prctl(2), this thread only
 *     23_filter seccomp        by seccomp(2) through syscall(2), on all threads
 *     23_filter probe          none at all: only asks whether there could be one, in both ways
 *     23_filter unnoticed      the control: by an instruction of its own, so that Holter does not
 *                              know and goes on
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop.h"

enum { TURNS = 15, STALL_MS = 40 };

#define ALLOW(name)                                                                                \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1),                                     \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* What this program calls from then on. fork: clone, set_robust_list, wait4; and the filter again.
 */
static struct sock_filter instructions[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	ALLOW(epoll_wait),
	ALLOW(clock_gettime),
	ALLOW(clone),
	ALLOW(set_robust_list),
	ALLOW(rt_sigprocmask),
	ALLOW(wait4),
	ALLOW(prctl),
	ALLOW(seccomp),
	ALLOW(write),
	ALLOW(exit_group),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
};

static const struct sock_fprog filter = {
	.len = sizeof(instructions) / sizeof(instructions[0]),
	.filter = instructions,
};

static long unnoticed(void)
{
	register unsigned long mode __asm__("rdi") = SECCOMP_SET_MODE_FILTER;
	register unsigned long flags __asm__("rsi") = SECCOMP_FILTER_FLAG_TSYNC;
	register const void *program __asm__("rdx") = &filter;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(SYS_seccomp), "r"(mode), "r"(flags), "r"(program)
			 : "rcx", "r11", "memory");
	return result;
}

/* As seccomp(2) says. */
static long probe(void)
{
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0) != -1 || errno != EFAULT)
		return -1;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, NULL) !=
		       -1 ||
	       errno != EFAULT;
}

static void install(const char *way)
{
	long result;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		broken("prctl: %s", strerror(errno));
	if (strcmp(way, "probe") == 0)
		result = probe();
	else if (strcmp(way, "prctl") == 0)
		result = prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
	else if (strcmp(way, "seccomp") == 0)
		result = syscall(
			SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter);
	else
		result = unnoticed();
	if (result)
		broken("no filter: %s", strerror(errno));
}

static void stall_turns(int loop)
{
	for (int i = 0; i < TURNS; i++) {
		burn_ms(STALL_MS);
		loop_turn(loop);
	}
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";
	int loop = loop_open(), status;
	pid_t child;

	serve();
	loop_warm(loop);
	stall_turns(loop);
	install(way);
	stall_turns(loop);
	child = fork();
	if (child == 0) {
		loop_warm(loop);
		_exit(0);
	}
	if (waitpid(child, &status, 0) != child || status != 0)
		broken("the child ended with %#x", (unsigned)status);
	if (strcmp(way, "unnoticed") != 0)
		install(way);
	return 0;
}
