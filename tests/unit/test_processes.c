/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_processes.c - what the kernel's tables of processes, sockets and control groups are read as:
 * ordinary lines, lines of container runtimes, and hostile ones. Real servers are in
 * tests/integration/ps.py.
 */
#include "suite.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "container.h"
#include "listeners.h"
#include "process_identity.h"
#include "processes.h"
#include "procfs.h"
#include "script.h"
#include "threads.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define ID           "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER        "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define POD          "pod2c48913c-b29f-11e7-9350-020968147796"

/* Control groups */

static const struct {
	const char *cgroup, *runtime, *name; /* null: none */
} cgroups[] = {
	{"0::/", NULL, NULL},
	{"0::/system.slice/nginx.service", NULL, NULL},
	{"0::/user.slice/user-1000.slice/session-2.scope", NULL, NULL},
	{"0::/docker/" ID, "docker", "0123456789ab"},
	{"0::/system.slice/docker-" ID ".scope", "docker", "0123456789ab"},
	{"12:pids:/docker/" ID "\n11:cpu,cpuacct:/docker/" ID "\n0::/", "docker", "0123456789ab"},
	{"0::/\n4:memory:/docker/" ID, "docker", "0123456789ab"},
	{"0::/../../docker-" ID ".scope", "docker", "0123456789ab"},
	{"0::/docker/" ID "/docker/" OTHER, "docker", "fedcba987654"},
	{"0::/docker/" ID "/system.slice/app.service", "docker", "0123456789ab"},
	{"0::/machine.slice/libpod-" ID ".scope/container", "podman", "0123456789ab"},
	{"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope",
		"podman", "0123456789ab"},
	{"0::/machine.slice/libpod-conmon-" ID ".scope", NULL, NULL},
	{"0::/kubepods/burstable/" POD "/" ID, "kubernetes", "0123456789ab"},
	{"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-" POD
	 ".slice/cri-containerd-" ID ".scope",
		"kubernetes", "0123456789ab"},
	{"0::/kubepods.slice/kubepods-" POD ".slice/crio-" ID ".scope", "kubernetes",
		"0123456789ab"},
	{"0::/kubepods.slice/kubepods-" POD ".slice/crio-conmon-" ID ".scope", NULL, NULL},
	{"0::/kubepods.slice/kubepods-" POD ".slice/docker-" ID ".scope", "kubernetes",
		"0123456789ab"},
	{"0::/system.slice/containerd.service/kubepods-burstable-" POD ".slice:cri-containerd:" ID,
		"kubernetes", "0123456789ab"},
	{"0::/docker/" ID "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-" POD
	 ".slice/cri-containerd-" OTHER ".scope",
		"kubernetes", "fedcba987654"},
	{"0::/ecs/task/" ID, "ecs", "0123456789ab"},
	{"0::/my-own-parent/" ID, "", "0123456789ab"},
	{"0::/system.slice/nerdctl-" ID ".scope", "containerd", "0123456789ab"},
	{"0::/lxc.payload.web/system.slice/nginx.service", "lxc", "web"},
	{"0::/lxc.monitor.web", NULL, NULL},
	{"7:pids:/lxc/web/init.scope", "lxc", "web"},
	{"0::/lxc.payload.web/system.slice/docker-" ID ".scope", "docker", "0123456789ab"},
	{"0::/machine.slice/systemd-nspawn@deb\\x2dtwelve.service/payload", "systemd-nspawn",
		"deb-twelve"},
	{"0::/machine.slice/machine-deb\\x2dtwelve.scope", "systemd-nspawn", "deb-twelve"},
	{"0::/machine.slice/machine-qemu\\x2d1\\x2dguest.scope", NULL, NULL},
	{"0::/docker/0123456789abcdef", NULL, NULL},
	{"0::/docker-ABCDEF" ID ".scope", NULL, NULL},
	{"0::/docker-" ID "0.scope", NULL, NULL},
	{"", NULL, NULL},
	{"no colons at all", NULL, NULL},
	{"0:", NULL, NULL},
};

START_TEST(cgroup_lines)
{
	struct container container = {0};
	char text[1024];
	bool found;

	for (int newline = 0; newline < 2; newline++) {
		snprintf(text, sizeof(text), "%s%s", cgroups[_i].cgroup, newline ? "\n" : "");
		found = container_parse(text, &container);
		ck_assert_msg(found == (cgroups[_i].runtime != NULL), "%s: %d", text, found);
		ck_assert_str_eq(container.runtime, found ? cgroups[_i].runtime : "");
		ck_assert_str_eq(container.name, found ? cgroups[_i].name : "");
	}
}
END_TEST

START_TEST(long_cgroup)
{
	struct container container;
	char text[4096];

	memset(text, 'x', sizeof(text));
	memcpy(text, "0::/lxc/", 8);
	text[sizeof(text) - 1] = '\0';
	ck_assert(container_parse(text, &container));
	ck_assert_uint_eq(strlen(container.name), sizeof(container.name) - 1);
}
END_TEST

START_TEST(own_container)
{
	struct container container;
	char text[64];

	container_look(getpid(), &container);
	ck_assert(!container.inside);
	container_describe(&container, text, sizeof(text));
	ck_assert_str_eq(text, "");
	container = (struct container){.inside = true, .pid = 7};
	container_describe(&container, text, sizeof(text));
	ck_assert_str_eq(text, "unnamed");
	container = (struct container){.inside = true, .runtime = "docker", .name = "0123"};
	container_describe(&container, text, sizeof(text));
	ck_assert_str_eq(text, "docker:0123");
}
END_TEST

/* Sockets */

static const struct {
	const char *line;
	int result;
	const char *shown;
} tcp_lines[] = {
	{"   0: 0100007F:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        "
	 "0 "
	 "24011 1 0000000000000000 100 0 0 10 0",
		1, "127.0.0.1:3000"},
	{"  10: 00000000:0050 00000000:0000 0A 00000000:00000005 00:00000000 00000000     0        "
	 "0 "
	 "24011 2 0000000000000000 100 0 0 10 0",
		1, "*:80"},
	{"   1: 0100007F:0BB8 0100007F:D2F0 01 00000000:00000000 02:000AFE02 00000000  1000        "
	 "0 "
	 "24011 2 0000000000000000 20 4 30 10 -1",
		0, "127.0.0.1:3000"},
	{"   0: 00000000000000000000000001000000:0BB8 00000000000000000000000000000000:0000 0A "
	 "00000000:00000000 00:00000000 00000000  1000        0 24011 1 0000000000000000 100 0 0 "
	 "10 0",
		1, "[::1]:3000"},
	{"   0: 00000000000000000000000000000000:FFFF 00000000000000000000000000000000:0000 0A "
	 "00000000:00000000 00:00000000 00000000  1000        0 24011 1 0000000000000000 100 0 0 "
	 "10 0",
		1, "*:65535"},
	{"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "
	 "timeout "
	 "inode",
		-EINVAL, NULL},
	{"   0: 0100007F:0BB8 00000000:0000 0A 00000000:00000000", -EINVAL, NULL},
	{"   0: 0100:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 24011",
		-EINVAL, NULL},
	{"", -EINVAL, NULL},
};

START_TEST(tcp)
{
	struct listener listener = {0};
	char shown[128];

	ck_assert_int_eq(listener_parse_tcp(tcp_lines[_i].line, &listener), tcp_lines[_i].result);
	if (tcp_lines[_i].shown) {
		ck_assert_uint_eq(listener.inode, 24011);
		listener_describe(&listener, shown, sizeof(shown));
		ck_assert_str_eq(shown, tcp_lines[_i].shown);
	}
}
END_TEST

static const struct {
	const char *line;
	int result;
	const char *shown;
} unix_lines[] = {
	{"0000000040a3d4c1: 00000002 00000000 00010000 0001 01 24011 /run/app.sock\n", 1,
		"unix:/run/app.sock"},
	{"0000000040a3d4c1: 00000002 00000000 00010000 0001 01 24011 @app\n", 1, "unix:@app"},
	{"0000000040a3d4c1: 00000002 00000000 00010000 0005 01 24011 /run/a b\n", 1,
		"unix:/run/a b"},
	{"0000000040a3d4c1: 00000003 00000000 00000000 0001 03 24011 /run/app.sock\n", 0, NULL},
	{"0000000040a3d4c1: 00000003 00000000 00000000 0001 03 24011\n", 0, NULL},
	{"Num       RefCount Protocol Flags    Type St Inode Path\n", -EINVAL, NULL},
	{"0000000040a3d4c1: 00000003 00000000 00010000\n", -EINVAL, NULL},
	{"", -EINVAL, NULL},
};

START_TEST(unix_sockets)
{
	struct listener listener = {0};
	char shown[128];

	ck_assert_int_eq(
		listener_parse_unix(unix_lines[_i].line, &listener), unix_lines[_i].result);
	if (unix_lines[_i].shown) {
		ck_assert_uint_eq(listener.inode, 24011);
		listener_describe(&listener, shown, sizeof(shown));
		ck_assert_str_eq(shown, unix_lines[_i].shown);
	}
}
END_TEST

/* A path that is longer than any the kernel lets a socket have. */
START_TEST(long_path)
{
	struct listener listener;
	char line[1024];

	snprintf(line, sizeof(line), "0: 2 0 00010000 1 1 24011 %0900d\n", 1);
	ck_assert_int_eq(listener_parse_unix(line, &listener), 1);
	ck_assert_uint_eq(strlen(listener.address), sizeof(listener.address) - 1);
}
END_TEST

START_TEST(own_listener)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct process process;
	uint16_t port;

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, length), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	port = ntohs(address.sin_port);
	ck_assert_int_eq(process_look(getpid(), PROCESSES_QUICK, &process), 0);
	ck_assert(!process_listens(&process, port));
	process_done(&process);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(process_look(getpid(), PROCESSES_QUICK, &process), 0);
	ck_assert(process_listens(&process, port));
	ck_assert_uint_eq(process.loop_count, 0);
	ck_assert(!process_serves(&process));
	process_done(&process);
	close(fd);
}
END_TEST

/* Threads */

static const struct {
	const char *text;
	enum thread_wait wait;
	int descriptor, call;
	const char *does;
} calls[] = {
	{"232 0x5 0x7fff193b6f90 0x400 0x752e 0x0 0x8 0x7fff193b61e0 0x7f97ac126cae\n",
		THREAD_WAITS_EPOLL, 5, SYS_epoll_wait, "waits in epoll_wait (descriptor 5)"},
	{"281 0xe 0x7fff193b6f90 0x400 0x752e 0x0 0x8 0x7fff193b61e0 0x7f97ac126cae\n",
		THREAD_WAITS_EPOLL, 14, SYS_epoll_pwait, "waits in epoll_pwait (descriptor 14)"},
	{"7 0x7fff193b6f90 0x2 0x0 0x0 0x0 0x8 0x7fff193b61e0 0x7f97ac126cae\n", THREAD_WAITS_POLL,
		-1, SYS_poll, "waits in poll"},
	{"270 0x7 0x7fff193b6f90 0x0 0x0 0x0 0x8 0x7fff193b61e0 0x7f97ac126cae\n",
		THREAD_WAITS_SELECT, -1, SYS_pselect6, "waits in pselect6"},
	{"0 0x5 0x7fff193b6f90 0x400 0x0 0x0 0x8 0x7fff193b61e0 0x7f97ac126cae\n", THREAD_WAITS_NOT,
		-1, SYS_read, "sleeps in read"},
	{"running\n", THREAD_WAITS_NOT, -1, THREAD_CALL_NONE, "runs"},
	{"-1 0x7fff193b61e0 0x7f97ac126cae\n", THREAD_WAITS_NOT, -1, THREAD_CALL_NONE, "runs"},
	{"", THREAD_WAITS_NOT, -1, THREAD_CALL_NONE, "runs"},
};

START_TEST(system_calls)
{
	struct thread thread = {.state = 'S', .descriptor = -1, .call = THREAD_CALL_UNKNOWN};
	char does[64];

	thread_parse_call(calls[_i].text, &thread);
	ck_assert_int_eq(thread.wait, calls[_i].wait);
	ck_assert_int_eq(thread.descriptor, calls[_i].descriptor);
	ck_assert_int_eq(thread.call, calls[_i].call);
	thread_describe(&thread, does, sizeof(does));
	ck_assert_str_eq(does, calls[_i].does);
}
END_TEST

static const struct {
	const char *text;
	enum thread_wait wait;
	const char *does;
} channels[] = {
	{"ep_poll", THREAD_WAITS_EPOLL, "waits in epoll"},
	{"do_epoll_wait", THREAD_WAITS_EPOLL, "waits in epoll"},
	{"do_sys_poll", THREAD_WAITS_POLL, "waits in poll"},
	{"do_poll.constprop.0", THREAD_WAITS_POLL, "waits in poll"},
	{"do_select", THREAD_WAITS_SELECT, "waits in select"},
	{"ep_poll_callback", THREAD_WAITS_NOT, "sleeps"},
	{"futex_wait_queue", THREAD_WAITS_NOT, "sleeps"},
	{"0", THREAD_WAITS_NOT, "sleeps"},
};

START_TEST(kernel_functions)
{
	struct thread thread = {.state = 'S', .descriptor = -1, .call = THREAD_CALL_UNKNOWN};
	char does[64];

	thread_parse_channel(channels[_i].text, &thread);
	ck_assert_int_eq(thread.wait, channels[_i].wait);
	thread_describe(&thread, does, sizeof(does));
	ck_assert_str_eq(does, channels[_i].does);
}
END_TEST

/* Names */

static const struct {
	const char *program, *arguments; /* words, parted by '|' */
	const char *script;              /* null: none */
} scripts[] = {
	{"node", "node|server.js", "server.js"},
	{"node", "node|/app/dist/server.js|--password|secret", "server.js"},
	{"node", "node|--max-old-space-size=4096|server.js", "server.js"},
	{"node", "node|-r|dotenv/config|server.js", "server.js"},
	{"node", "node|--require|dotenv/config|--import=./x.mjs|server.js", "server.js"},
	{"node", "node|--enable-source-maps|--|server.js", "server.js"},
	{"node", "node|-e|secret()", NULL},
	{"node", "node|-pe|secret", NULL},
	{"node", "node|--eval|secret", NULL},
	{"node", "node|--print|secret", NULL},
	{"node", "node|-|secret", NULL},
	{"node", "node", NULL},
	{"node", "node|", NULL},
	{"node", "node|two words.js", NULL},
	{"node", "node|/app/\x1b[2J.js", NULL},
	{"node", "node|/app/", NULL},
	{"node", "a title|secret?", NULL},
	{"python3.11", "python3|-m|uvicorn|shop:app", "uvicorn"},
	{"python3.11", "python3|-um|uvicorn|shop:app", "uvicorn"},
	{"python3.11", "python3|-c|secret", NULL},
	{"python3.11", "python3|-uc|secret", NULL},
	{"python3.11", "python3|-W|error|-Xdev|server.py", "server.py"},
	{"python3.11", "python3|-Wignore|server.py", "server.py"},
	{"redis-server", "redis-server|secret", NULL},
	{"", "secret|secret", NULL},
};

START_TEST(script_names)
{
	char words[256], name[SCRIPT_NAME_MAX];
	size_t length = strlen(scripts[_i].arguments) + 1;
	bool found;

	memcpy(words, scripts[_i].arguments, length);
	for (char *bar = words; (bar = strchr(bar, '|')); bar++)
		*bar = '\0';
	found = script_name(scripts[_i].program, words, length, name);
	ck_assert_msg(
		found == (scripts[_i].script != NULL), "%s: '%s'", scripts[_i].arguments, name);
	ck_assert_str_eq(name, found ? scripts[_i].script : "");
	/* A command line that was cut anywhere gives the whole name or none. */
	for (size_t cut = 0; cut < length; cut++) {
		if (script_name(scripts[_i].program, words, cut, name))
			ck_assert_str_eq(name, scripts[_i].script);
	}
}
END_TEST

START_TEST(called)
{
	struct process process = {.name = "MainThread"};
	struct process_names names = {.program = "/usr/bin/node", .script = "shop.server.js"};

	ck_assert(process_is_called(&process, &names, "MainThread"));
	ck_assert(process_is_called(&process, &names, "node"));
	ck_assert(process_is_called(&process, &names, "shop.server.js"));
	ck_assert(process_is_called(&process, &names, "shop.server"));
	ck_assert(!process_is_called(&process, &names, "shop"));
	ck_assert(!process_is_called(&process, &names, "/usr/bin/node"));
	ck_assert(!process_is_called(&process, &names, ""));
	names = (struct process_names){.program = "/usr/bin/node", .script = ".js"};
	ck_assert(!process_is_called(&process, &names, ""));
}
END_TEST

/* Status files */

START_TEST(stat_lines)
{
	static const char rest[] = "S 7 1 1 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 4711 1000 200";
	static const char *const names[] = {"node", "a b", ") R 1 (", "((", "\x1b[2J\n", ""};
	struct procfs_stat stat;
	char text[256];

	for (size_t i = 0; i < COUNT(names); i++) {
		snprintf(text, sizeof(text), "12 (%s) %s", names[i], rest);
		ck_assert_int_eq(procfs_stat_parse(text, &stat), 0);
		ck_assert_str_eq(stat.name, names[i]);
		ck_assert_int_eq(stat.state, 'S');
		ck_assert_int_eq(stat.parent, 7);
		ck_assert_uint_eq(stat.start, 4711);
		ck_assert(!stat.kernel);
	}
	ck_assert_int_eq(procfs_stat_parse("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 "
					   "1 0 4 0 0",
				 &stat),
		0);
	ck_assert(stat.kernel);
	ck_assert_int_eq(procfs_stat_parse("", &stat), -EINVAL);
	ck_assert_int_eq(procfs_stat_parse("12 (node", &stat), -EINVAL);
	ck_assert_int_eq(procfs_stat_parse("12 (node)", &stat), -EINVAL);
	ck_assert_int_eq(procfs_stat_parse("12 )node( S 1", &stat), -EINVAL);
	ck_assert_int_eq(procfs_stat_parse("12 (node) S 1 1 1", &stat), -EINVAL);
}
END_TEST

START_TEST(fields)
{
	static const char status[] = "Name:\tUid: 7\nUid:\t1\t2\nTgid:\t12\nNSpid:";

	ck_assert_int_eq(strncmp(procfs_field(status, "Uid:"), "1\t2", 3), 0);
	ck_assert_int_eq(strncmp(procfs_field(status, "Tgid:"), "12\n", 3), 0);
	ck_assert_str_eq(procfs_field(status, "NSpid:"), "");
	ck_assert_ptr_null(procfs_field(status, "Pid:"));
	ck_assert_ptr_null(procfs_field("", "Pid:"));
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("processes");
	TCase *cases = tcase_create("tables");

	tcase_add_loop_test(cases, cgroup_lines, 0, COUNT(cgroups));
	tcase_add_test(cases, long_cgroup);
	tcase_add_test(cases, own_container);
	tcase_add_loop_test(cases, tcp, 0, COUNT(tcp_lines));
	tcase_add_loop_test(cases, unix_sockets, 0, COUNT(unix_lines));
	tcase_add_test(cases, long_path);
	tcase_add_test(cases, own_listener);
	tcase_add_loop_test(cases, system_calls, 0, COUNT(calls));
	tcase_add_loop_test(cases, kernel_functions, 0, COUNT(channels));
	tcase_add_loop_test(cases, script_names, 0, COUNT(scripts));
	tcase_add_test(cases, called);
	tcase_add_test(cases, stat_lines);
	tcase_add_test(cases, fields);
	suite_add_tcase(suite, cases);
	return suite;
}
