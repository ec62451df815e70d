/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 15_spawns.c - hazard 15: children that share the memory of their parent, or that Holter has not
 * been told of. They make the very calls by which a process becomes a server.
 *
 *     15_spawns inert         such children of a process that is no server: it must stay none
 *     15_spawns server        the same in the sampled stalls of a server, and posix_spawn
 *     15_spawns fork          the control for `inert`: an ordinary child becomes a server by them
 */
#include <errno.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop.h"

enum { TURNS = 40, STALL_MS = 15, STATUS = 7, LATE_MS = 250 };
enum { FEW = 5 }; /* waits: enough for a server, too few for anybody else */

static double quickest_ms = 1e9; /* of the copies below; a busy machine makes some of them slow */

static void become_server(void)
{
	int own = loop_open();

	serve();
	loop_warm(own);
	close(own);
}

static void expect_end(pid_t child)
{
	int status;

	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) ||
		WEXITSTATUS(status) != STATUS)
		broken("the child ended oddly");
}

/* vfork(2): the child runs in its parent's memory while the parent waits. */
static void by_vfork(void)
{
	pid_t child = vfork();

	if (child == 0) {
		become_server(); /* not allowed, and done by somebody, somewhere */
		_exit(STATUS);
	}
	expect_end(child);
}

/* A copy that no handler of pthread_atfork has seen. Its exit waits for no thread of Holter's. */
static void by_raw_fork(void)
{
	double begin_ms = now_ms(), took_ms;
	pid_t child = (pid_t)syscall(SYS_fork);

	if (child == 0) {
		become_server();
		exit(STATUS);
	}
	expect_end(child);
	took_ms = now_ms() - begin_ms;
	quickest_ms = took_ms < quickest_ms ? took_ms : quickest_ms;
}

static void by_spawn(void)
{
	char shell[] = "sh", option[] = "-c", script[] = "exit 7";
	char *arguments[] = {shell, option, script, NULL};
	pid_t child = -1;

	errno = posix_spawn(&child, "/bin/sh", NULL, NULL, arguments, environ);
	if (errno)
		broken("posix_spawn: %s", strerror(errno));
	expect_end(child);
}

static void by_fork(void)
{
	pid_t child = fork();

	if (child == 0) {
		become_server();
		exit(STATUS);
	}
	expect_end(child);
}

static void be_server(void)
{
	int loop = loop_open();

	serve();
	loop_warm(loop);
	for (int i = 0; i < TURNS; i++) {
		burn_ms(STALL_MS);
		by_vfork();
		by_raw_fork();
		by_spawn();
		loop_turn(loop);
	}
	if (quickest_ms > LATE_MS)
		broken("each child took %.0f ms to end, or longer", quickest_ms);
}

int main(int argc, char **argv)
{
	const char *which = argc > 1 ? argv[1] : "";

	if (strcmp(which, "inert") == 0) {
		int loop = loop_open();

		by_vfork();
		by_raw_fork();
		for (int i = 0; i < FEW; i++)
			loop_turn(loop);
	} else if (strcmp(which, "server") == 0) {
		be_server();
	} else if (strcmp(which, "fork") == 0) {
		by_fork();
	} else {
		broken("usage: 15_spawns inert|server|fork");
	}
	return 0;
}
