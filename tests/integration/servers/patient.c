/* SPDX-License-Identifier: Apache-2.0 */
/*
 * patient.c - a process with one peculiarity that `holter doctor` is to find; the word on the
 * command line says which. It then says "up" and waits for events for ever.
 *
 *     plain      none
 *     no-loop    waits for no event, but for a signal
 *     ring       has an io_uring
 *     signals    handles SIGURG and SIGWINCH
 *     blocks     blocks all signals after twenty turns
 *     traced     is traced, by a child of its own
 *     filter     has a seccomp filter that allows everything
 *     drops      becomes user 65534
 *     generated  has executable memory without a file
 *     kills      COMMAND...: runs a command under a filter that kills who calls bpf(2)
 *
 * Built with -DGO_NOTE it looks like a program made by Go.
 */
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NOBODY = 65534, TURNS = 20, TURN_MS = 5 };

#ifdef GO_NOTE
/* As cmd/link of Go writes it: a note of type 4, named "Go". */
__asm__(".pushsection .note.go.buildid, \"a\", @note\n"
	".long 4, 4, 4\n"
	".asciz \"Go\\0\"\n"
	".ascii \"id/x\"\n"
	".popsection");
#endif

static void handle(int number)
{
	(void)number;
}

static int filter(unsigned call, unsigned action)
{
	struct sock_filter steps[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(steps) / sizeof(*steps), steps};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

/* The child is the tracer until it ends, with its parent. */
static int be_traced(void)
{
	int ready[2];
	char byte;
	pid_t parent = getpid(), child;

	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0); /* no Yama, no need */
	if (pipe(ready) < 0)
		return -1;
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		if (ptrace(PTRACE_SEIZE, parent, 0, 0) == 0 && write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	return child > 0 && read(ready[0], &byte, 1) == 1 ? 0 : -1;
}

static int have_ring(void)
{
	struct io_uring_params parameters = {0};

	return syscall(SYS_io_uring_setup, 4, &parameters) < 0 ? -1 : 0;
}

static int block_after_turns(int epoll)
{
	struct epoll_event event;
	sigset_t all;

	for (int turn = 0; turn < TURNS; turn++)
		epoll_wait(epoll, &event, 1, TURN_MS);
	sigfillset(&all);
	return sigprocmask(SIG_BLOCK, &all, NULL);
}

static int become(const char *shape, int epoll)
{
	if (strcmp(shape, "ring") == 0)
		return have_ring();
	if (strcmp(shape, "signals") == 0)
		return signal(SIGURG, handle) == SIG_ERR || signal(SIGWINCH, handle) == SIG_ERR;
	if (strcmp(shape, "blocks") == 0)
		return block_after_turns(epoll);
	if (strcmp(shape, "traced") == 0)
		return be_traced();
	if (strcmp(shape, "filter") == 0)
		return filter(SYS_bpf, SECCOMP_RET_ALLOW);
	if (strcmp(shape, "drops") == 0)
		return setuid(NOBODY);
	if (strcmp(shape, "generated") == 0)
		return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			       0) == MAP_FAILED;
	return strcmp(shape, "plain") != 0;
}

int main(int argc, char **argv)
{
	struct epoll_event event;
	int epoll;

	if (argc > 2 && strcmp(argv[1], "kills") == 0) {
		if (filter(SYS_bpf, SECCOMP_RET_KILL_PROCESS) == 0)
			execv(argv[2], argv + 2);
		perror(argv[2]);
		return 1;
	}
	if (argc == 2 && strcmp(argv[1], "no-loop") == 0) {
		puts("up");
		fflush(stdout);
		pause();
		return 0;
	}
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (argc != 2 || epoll < 0 || become(argv[1], epoll)) {
		perror("patient");
		return 1;
	}
	puts("up");
	fflush(stdout);
	while (epoll_wait(epoll, &event, 1, -1) >= 0)
		;
	return 0;
}
