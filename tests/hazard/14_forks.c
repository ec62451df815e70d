/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 14_forks.c - hazard 14: the loop forks again and again while it is sampled. Each child uses the
 * heap and the loader, whose locks a thread of its parent may have held, and must end in time. How
 * long the forks take is printed: the 50th, 90th and 99th of a hundred and the longest, in
 * milliseconds.
 *
 *     14_forks SECONDS             a storm
 *     14_forks SECONDS frozen      Holter's thread is held in a write for as long, as a file system
 *                                  that hangs would: by ptrace, at the beginning of the call
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop.h"

enum { FORKS_MAX = 100000, PER_TURN = 10, STALL_MS = 15, CHILD_SECONDS = 10 };

static double took_ms[FORKS_MAX];
static size_t forks;

/* --- the tracer */

/* The thread of a process that is called "holter"; 0: none yet. */
static pid_t find_holter(pid_t process)
{
	char path[300], name[32];
	struct dirent *entry;
	pid_t found = 0;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/task", process);
	folder = opendir(path);
	while (folder && !found && (entry = readdir(folder)) != NULL) {
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/task/%s/comm", process, entry->d_name);
		file = fopen(path, "re");
		if (file && fgets(name, sizeof(name), file) && strcmp(name, "holter\n") == 0)
			found = atoi(entry->d_name);
		if (file)
			fclose(file);
	}
	if (folder)
		closedir(folder);
	return found;
}

/* Stops the thread where it begins to write, holds it, and lets it go. */
__attribute__((noreturn)) static void freeze(pid_t process, double seconds)
{
	struct user_regs_struct registers = {0};
	pid_t thread;
	int status;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (!(thread = find_holter(process)))
		usleep(1000);
	if (ptrace(PTRACE_SEIZE, thread, NULL, NULL) ||
		ptrace(PTRACE_INTERRUPT, thread, NULL, NULL))
		broken("ptrace: %s", strerror(errno));
	do {
		if (waitpid(thread, &status, __WALL) != thread || !WIFSTOPPED(status))
			broken("Holter's thread ended: %#x", (unsigned)status);
		ptrace(PTRACE_GETREGS, thread, NULL, &registers);
	} while (registers.orig_rax != SYS_write && !ptrace(PTRACE_SYSCALL, thread, NULL, NULL));
	usleep((useconds_t)(seconds * 1e6));
	ptrace(PTRACE_DETACH, thread, NULL, NULL);
	exit(0);
}

/* --- the server */

static void use_locks(void)
{
	void *memory = malloc(100000);
	void *library = dlopen("libm.so.6", RTLD_NOW);

	if (!memory || !library || !dlsym(library, "cos"))
		_exit(1);
	_exit(0);
}

static void fork_once(void)
{
	double begin_ms = now_ms();
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		alarm(CHILD_SECONDS);
		use_locks();
	}
	if (forks < FORKS_MAX)
		took_ms[forks++] = now_ms() - begin_ms;
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		broken("child %zu ended with %#x", forks, (unsigned)status);
}

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 1, end;
	pid_t server = getpid(), tracer = 0;
	int loop = loop_open(), status;

	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	if (argc > 2) {
		tracer = fork();
		if (tracer == 0)
			freeze(server, seconds);
	}
	serve();
	loop_warm(loop);
	for (end = now_ms() + 1e3 * seconds; now_ms() < end;) {
		burn_ms(STALL_MS);
		for (int i = 0; i < PER_TURN; i++)
			fork_once();
		loop_turn(loop);
	}
	if (tracer && (waitpid(tracer, &status, 0) != tracer || status))
		broken("the tracer ended with %#x", (unsigned)status);
	qsort(took_ms, forks, sizeof(took_ms[0]), compare);
	printf("%.3f %.3f %.3f %.3f\n", took_ms[forks / 2], took_ms[forks * 9 / 10],
		took_ms[forks * 99 / 100], took_ms[forks - 1]);
	return 0;
}
