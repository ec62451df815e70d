/* SPDX-License-Identifier: Apache-2.0 */
#include "usage.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "format.h"
#include "proc_path.h"
#include "sys.h"

static int64_t read_task_file(pid_t pid, uint32_t tid, const char *file, char *text, size_t size)
{
	char path[PROC_PATH_BYTES];

	proc_path_task(path, sizeof(path), pid, tid, file);
	return sys_read_file(path, text, size);
}

static const char *skip_words(const char *at, int words)
{
	while (words-- && at) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	return at;
}

/* "...\nvoluntary_ctxt_switches:\tN\n..." (proc(5), /proc/pid/status). */
static uint64_t count_sleeps(const char *text)
{
	static const char name[] = "\nvoluntary_ctxt_switches:\t";
	const char *at = strstr(text, name);
	uint64_t count = 0;

	if (at && (at += strlen(name)))
		parse_unsigned(&at, &count);
	return count;
}

/* "rchar: N\nwchar: N\nsyscr: N\nsyscw: N\n…" (proc(5)). recv(2) and send(2) are not among them. */
static uint64_t count_io_calls(const char *text)
{
	static const char *const names[] = {"syscr: ", "syscw: "};
	uint64_t sum = 0, count;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *at = strstr(text, names[i]);

		if (at && (at += strlen(names[i]), parse_unsigned(&at, &count)))
			sum += count;
	}
	return sum;
}

uint64_t usage_own_cpu_ns(uint32_t tid)
{
	struct timespec now = {0};
	/* The kernel's numbering of another thread's scheduler clock (linux/posix-timers.h). */
	int clock = (int)((~tid << 3) | 6);

	if (sys_clock_gettime(clock, &now))
		return 0;
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

bool usage_has_ended(uint32_t tid)
{
	uint64_t pid = (uint64_t)sys_getpid();
	char text[640];
	const char *at;

	if (sys_call3(SYS_tgkill, pid, tid, 0) == -ESRCH)
		return true;
	/* The first thread's number is the process's, and stays as long: until then it is a zombie.
	 */
	if (tid != pid || read_task_file((pid_t)pid, tid, "/stat", text, sizeof(text)) <= 0)
		return false;
	at = strrchr(text, ')');
	return at && at[1] == ' ' && at[2] == 'Z';
}

void usage_read(pid_t pid, uint32_t tid, const struct cgroup *cgroup, struct usage *ret)
{
	char text[4096]; /* a status lists groups and memory nodes */
	const char *at;

	*ret = (struct usage){.taken_ns = clock_now_ns()};
	if (read_task_file(pid, tid, "/status", text, sizeof(text)) > 0)
		ret->sleeps = count_sleeps(text);
	/* "time on CPU, time waiting on a run queue, time slices"
	 * (Documentation/scheduler/sched-stats.rst). */
	if (read_task_file(pid, tid, "/schedstat", text, sizeof(text)) > 0) {
		at = text;
		parse_unsigned(&at, &ret->cpu_ns);
		at = skip_words(text, 1);
		if (at)
			parse_unsigned(&at, &ret->runqueue_ns);
		at = skip_words(text, 2);
		if (at)
			parse_unsigned(&at, &ret->slices);
	}
	if (pid == sys_getpid())
		ret->cpu_ns = usage_own_cpu_ns(tid);
	ret->throttled_ns = cgroup_throttled_ns(cgroup);
	/* Fields 3, 10 and 12, counted behind the name, which may hold anything (proc(5)). */
	if (read_task_file(pid, tid, "/stat", text, sizeof(text)) > 0 &&
		(at = strrchr(text, ')'))) {
		ret->runnable = at[1] == ' ' && at[2] == 'R';
		at = skip_words(at, 8);
		if (at)
			parse_unsigned(&at, &ret->minor_faults);
		at = at ? skip_words(at, 2) : NULL;
		if (at)
			parse_unsigned(&at, &ret->major_faults);
	}
	if (read_task_file(pid, tid, "/io", text, sizeof(text)) > 0)
		ret->io_calls = count_io_calls(text);
}

uint64_t usage_waiting_ns(const struct usage *before, const struct usage *now, uint64_t waiting_ns)
{
	uint64_t passed = now->taken_ns - before->taken_ns;
	uint64_t told = now->cpu_ns - before->cpu_ns + now->runqueue_ns - before->runqueue_ns;

	if (!before->runnable || !now->runnable || !now->sleeps || now->sleeps != before->sleeps)
		return 0;
	return waiting_ns + passed > told ? waiting_ns + passed - told : 0;
}
