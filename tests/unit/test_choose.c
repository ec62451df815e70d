/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_choose.c - which process is meant by a pid, a port or a name, tried on small servers of the
 * test's own.
 */
#include "suite.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/sched.h>

#include "choose.h"
#include "procfs.h"

enum { CHILDREN_MAX = 16 };

/* Killed when a test ends. */
static pid_t children[CHILDREN_MAX];
static size_t child_count;

static struct chosen chosen;

static void tear_down(void)
{
	for (size_t i = 0; i < child_count; i++) {
		kill(children[i], SIGKILL);
		waitpid(children[i], NULL, 0);
	}
	child_count = 0;
}

static enum exit_status by_pid(long pid)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", pid);
	return choose_target(&(struct choice){.pid = text}, &chosen);
}

static enum exit_status by_port(uint16_t port, bool with_children)
{
	char text[32];

	snprintf(text, sizeof(text), "%u", port);
	return choose_target(&(struct choice){.port = text, .children = with_children}, &chosen);
}

static enum exit_status by_name(const char *name)
{
	return choose_target(&(struct choice){.name = name}, &chosen);
}

static void check_said(const char *words)
{
	ck_assert_msg(
		strstr(chosen.why, words) != NULL, "'%s' does not say '%s'", chosen.why, words);
}

static void check_lists(pid_t pid)
{
	char words[32];

	snprintf(words, sizeof(words), " %d (", (int)pid);
	check_said(words);
}

static _Noreturn void wait_for_events(void)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event;

	for (;;)
		epoll_wait(epoll, &event, 1, -1);
}

static _Noreturn void sleep_for_ever(void)
{
	for (;;)
		pause();
}

static bool sleeps(pid_t pid)
{
	struct procfs_stat stat;

	ck_assert_int_eq(procfs_stat(pid, &stat), 0);
	return stat.state == 'S';
}

/* Starts a child that does something for ever, and waits until it sleeps in it. */
static pid_t start(void (*body)(void))
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		body();
	}
	children[child_count++] = pid;
	while (!sleeps(pid))
		usleep(1000);
	return pid;
}

/* Returns a listening socket, and its port; with a port given, another one on that. */
static int open_port(uint16_t *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(*port)};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, length), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

START_TEST(wrong_choices)
{
	static const char *const no_pids[] = {
		"", "0", "-1", "12x", "0x10", " 12", "+12", "99999999999"};
	static const char *const no_ports[] = {"", "0", "65536", "http", "-80"};

	for (size_t i = 0; i < sizeof(no_pids) / sizeof(*no_pids); i++) {
		ck_assert_int_eq(
			choose_target(&(struct choice){.pid = no_pids[i]}, &chosen), STATUS_USAGE);
		check_said("is not a process id");
	}
	for (size_t i = 0; i < sizeof(no_ports) / sizeof(*no_ports); i++) {
		ck_assert_int_eq(choose_target(&(struct choice){.port = no_ports[i]}, &chosen),
			STATUS_USAGE);
		check_said("is not a port");
	}
	ck_assert_int_eq(choose_target(&(struct choice){0}, &chosen), STATUS_USAGE);
	ck_assert_int_eq(
		choose_target(&(struct choice){.pid = "1", .port = "80"}, &chosen), STATUS_USAGE);
	ck_assert_int_eq(
		choose_target(&(struct choice){.pid = "1", .port = "80", .name = "x"}, &chosen),
		STATUS_USAGE);
	check_said("one of -p PID");
}
END_TEST

START_TEST(live_pid)
{
	struct procfs_stat stat;
	pid_t pid = start(wait_for_events);

	ck_assert_int_eq(procfs_stat(pid, &stat), 0);
	ck_assert_int_eq(by_pid(pid), STATUS_OK);
	ck_assert_int_eq(chosen.pid, pid);
	ck_assert_uint_eq(chosen.start, stat.start);
	ck_assert_int_eq(by_pid(getpid()), STATUS_USAGE);
	check_said("this very process");
}
END_TEST

START_TEST(ended_pid)
{
	siginfo_t info;
	pid_t pid = start(sleep_for_ever);

	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	ck_assert_int_eq(by_pid(pid), STATUS_GONE);
	check_said("has ended");
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	child_count--;
	ck_assert_int_eq(by_pid(pid), STATUS_GONE);
	check_said("there is no process");
}
END_TEST

START_TEST(kernel_thread)
{
	struct procfs_stat stat;

	if (procfs_stat(2, &stat) < 0 || !stat.kernel)
		return; /* a pid namespace that shows none */
	ck_assert_int_eq(by_pid(2), STATUS_USAGE);
	check_said("thread of the kernel");
}
END_TEST

static void *be_a_thread(void *context)
{
	int *pipe_end = context;
	pid_t tid = gettid();

	ck_assert_int_eq(write(*pipe_end, &tid, sizeof(tid)), sizeof(tid));
	sleep_for_ever();
}

static int thread_pipe[2];

static _Noreturn void have_a_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, be_a_thread, thread_pipe + 1))
		_exit(1);
	sleep_for_ever();
}

START_TEST(thread_id)
{
	char words[64];
	pid_t pid, tid;

	ck_assert_int_eq(pipe(thread_pipe), 0);
	pid = start(have_a_thread);
	ck_assert_int_eq(read(thread_pipe[0], &tid, sizeof(tid)), sizeof(tid));
	ck_assert_int_ne(tid, pid);
	ck_assert_int_eq(by_pid(tid), STATUS_USAGE);
	snprintf(words, sizeof(words), "%d is a thread of process %d: use -p %d", (int)tid,
		(int)pid, (int)pid);
	check_said(words);
}
END_TEST

static long number_inside;
static int inside_pipe[2];

/* A process in a pid namespace of its own, where it is called number_inside. */
static _Noreturn void live_in_a_namespace(void)
{
	pid_t wanted = (pid_t)number_inside, pid;
	struct clone_args arguments = {
		.exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&wanted, .set_tid_size = 1};

	if (unshare(CLONE_NEWUSER | CLONE_NEWPID) < 0)
		_exit(1);
	pid = fork(); /* the namespace's first process, pid 1 */
	if (pid == 0) {
		long made;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		made = syscall(SYS_clone3, &arguments, sizeof(arguments));
		if (made < 0) {
			made = -errno;
			ck_assert_int_eq(write(inside_pipe[1], &made, sizeof(made)), sizeof(made));
		} else if (made == 0) {
			long self = getpid();

			ck_assert_int_eq(write(inside_pipe[1], &self, sizeof(self)), sizeof(self));
		}
		sleep_for_ever();
	}
	sleep_for_ever();
}

START_TEST(pid_of_another_namespace)
{
	FILE *file = fopen("/proc/sys/kernel/pid_max", "re");
	const char *found;
	char words[64];
	long answer;

	ck_assert_int_eq(fscanf(file, "%ld", &number_inside), 1);
	fclose(file);
	do
		number_inside--;
	while (kill((pid_t)number_inside, 0) == 0 || errno != ESRCH);
	ck_assert_int_eq(pipe(inside_pipe), 0);
	start(live_in_a_namespace);
	close(inside_pipe[1]);
	if (read(inside_pipe[0], &answer, sizeof(answer)) != sizeof(answer) || answer < 0)
		return; /* namespaces cannot be made here */
	ck_assert_int_eq(answer, number_inside);
	ck_assert_int_eq(by_pid(number_inside), STATUS_GONE);
	snprintf(words, sizeof(words), "there is no process %ld here", number_inside);
	check_said(words);
	/* What it says to use is that process. */
	found = strstr(chosen.why, "-p ");
	ck_assert_ptr_nonnull(found);
	ck_assert_int_eq(by_pid(strtol(found + 3, NULL, 10)), STATUS_OK);
}
END_TEST

START_TEST(one_port)
{
	uint16_t port = 0;
	int fd = open_port(&port);
	pid_t pid = start(wait_for_events);

	close(fd);
	ck_assert_int_eq(by_port(port, false), STATUS_OK);
	ck_assert_int_eq(chosen.pid, pid);
	tear_down();
	ck_assert_int_eq(by_port(port, false), STATUS_GONE);
	check_said("nothing listens on port");
}
END_TEST

/* As nginx does it: the master listens and never waits for events, its workers do. */
START_TEST(master_and_workers)
{
	uint16_t port = 0;
	int fd = open_port(&port);
	pid_t master = start(sleep_for_ever), worker = start(wait_for_events), other;

	ck_assert_int_eq(by_port(port, false), STATUS_OK);
	ck_assert_int_eq(chosen.pid, worker);
	other = start(wait_for_events);
	close(fd);
	ck_assert_int_eq(by_port(port, false), STATUS_USAGE);
	check_said("matches 3 processes: ");
	check_lists(master);
	check_lists(worker);
	check_lists(other);
	check_said("choose one by -p PID");
	ck_assert_ptr_null(
		strstr(chosen.why, "--children")); /* none of them is the others' parent */
}
END_TEST

static uint16_t shared_port;

static _Noreturn void listen_and_wait(void)
{
	open_port(&shared_port);
	wait_for_events();
}

START_TEST(reused_port)
{
	int fd = open_port(&shared_port);
	pid_t first = start(listen_and_wait), second = start(listen_and_wait);

	close(fd);
	ck_assert_int_eq(by_port(shared_port, true), STATUS_USAGE);
	check_lists(first);
	check_lists(second);
}
END_TEST

static _Noreturn void have_children(void)
{
	open_port(&shared_port);
	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			wait_for_events();
		}
		while (!sleeps(pid))
			sched_yield();
	}
	wait_for_events();
}

START_TEST(parent_and_children)
{
	char words[32];
	pid_t parent;

	shared_port = 0;
	close(open_port(&shared_port)); /* a port that is free */
	parent = start(have_children);
	ck_assert_int_eq(by_port(shared_port, false), STATUS_USAGE);
	check_said("matches 4 processes");
	snprintf(words, sizeof(words), "all by -p %d --children", (int)parent);
	check_said(words);
	ck_assert_int_eq(by_port(shared_port, true), STATUS_OK);
	ck_assert_int_eq(chosen.pid, parent);
}
END_TEST

enum { MANY = 5000 }; /* more than PROCESSES_QUICK */

static _Noreturn void listen_late(void)
{
	for (int i = 0; i < MANY; i++) {
		if (dup(STDIN_FILENO) < 0)
			_exit(1);
	}
	listen_and_wait();
}

/* A choice must be right, so that it looks at all descriptors; `holter ps` does not. */
START_TEST(late_listener)
{
	struct rlimit limit;
	pid_t pid;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_max < 2 * MANY)
		return; /* so many are not to be had here */
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	shared_port = 0;
	close(open_port(&shared_port)); /* a port that is free */
	pid = start(listen_late);
	ck_assert_int_eq(by_port(shared_port, false), STATUS_OK);
	ck_assert_int_eq(chosen.pid, pid);
}
END_TEST

static char made_name[16];

static _Noreturn void bear_name(void)
{
	prctl(PR_SET_NAME, made_name);
	wait_for_events();
}

START_TEST(name)
{
	pid_t first, second;

	snprintf(made_name, sizeof(made_name), "h\x1b[1m%d", (int)getpid());
	ck_assert_int_eq(by_name(made_name), STATUS_GONE);
	check_said("no process is called");
	first = start(bear_name);
	ck_assert_int_eq(by_name(made_name), STATUS_OK);
	ck_assert_int_eq(chosen.pid, first);
	second = start(bear_name);
	ck_assert_int_eq(by_name(made_name), STATUS_USAGE);
	check_lists(first);
	check_lists(second);
	ck_assert_int_eq(by_name(""), STATUS_GONE);
}
END_TEST

static _Noreturn void drop_rights(void)
{
	prctl(PR_SET_NAME, made_name);
	prctl(PR_SET_DUMPABLE, 0);
	wait_for_events();
}

/* Names are seen by everybody; what bears them may still not be looked at. */
START_TEST(without_rights)
{
	pid_t pid;

	if (geteuid() != 0)
		return; /* needs another user */
	snprintf(made_name, sizeof(made_name), "h-%d", (int)getpid());
	pid = start(drop_rights);
	ck_assert_int_eq(seteuid(65534), 0); /* by its real user id it may still kill */
	ck_assert_int_eq(by_pid(pid), STATUS_PERMISSION);
	check_said("CAP_SYS_PTRACE");
	ck_assert_int_eq(by_name(made_name), STATUS_PERMISSION);
}
END_TEST

START_TEST(port_without_rights)
{
	uint16_t port = 0;
	int fd = open_port(&port);

	if (geteuid() != 0)
		return; /* needs another user */
	start(wait_for_events);
	close(fd);
	ck_assert_int_eq(seteuid(65534), 0); /* by its real user id it may still kill */
	ck_assert_int_eq(by_port(port, false), STATUS_PERMISSION);
	check_said("may not be inspected");
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("choose");
	TCase *cases = tcase_create("targets");

	tcase_add_checked_fixture(cases, NULL, tear_down);
	tcase_set_timeout(cases, 30);
	tcase_add_test(cases, wrong_choices);
	tcase_add_test(cases, live_pid);
	tcase_add_test(cases, ended_pid);
	tcase_add_test(cases, kernel_thread);
	tcase_add_test(cases, thread_id);
	tcase_add_test(cases, pid_of_another_namespace);
	tcase_add_test(cases, one_port);
	tcase_add_test(cases, master_and_workers);
	tcase_add_test(cases, reused_port);
	tcase_add_test(cases, parent_and_children);
	tcase_add_test(cases, late_listener);
	tcase_add_test(cases, name);
	tcase_add_test(cases, without_rights);
	tcase_add_test(cases, port_without_rights);
	suite_add_tcase(suite, cases);
	return suite;
}
