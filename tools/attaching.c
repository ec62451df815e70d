/* SPDX-License-Identifier: Apache-2.0 */
#include "attaching.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "claim.h"
#include "destination.h"
#include "processes.h"
#include "procfs.h"

enum { MS_MAX = 3600000 };

static const uint64_t ms_ns = 1000000;

static volatile sig_atomic_t interrupted;
static const char *command_name;

static void on_interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

/* --- options ------------------------------------------------------------------------------------
 */

static bool take_ms(const char *name, const char *value, uint64_t *ret_ns)
{
	char *end;
	unsigned long ms = strtoul(value, &end, 10);

	if (end == value || *end || ms == 0 || ms > MS_MAX) {
		complain("--%s needs milliseconds from 1 to %d, not '%s'", name, MS_MAX, value);
		return false;
	}
	*ret_ns = ms * ms_ns;
	return true;
}

/* "500ms", "30s", "5m", "1h"; a bare number is seconds. */
static bool take_duration(const char *value, uint64_t *ret_ns)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{"", 1000000000},
		{"s", 1000000000},
		{"ms", 1000000},
		{"m", 60000000000},
		{"h", 3600000000000},
	};
	char *end;
	double number = strtod(value, &end);

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		double ns = number * (double)units[i].ns;

		if (end == value || strcmp(end, units[i].name) != 0 || !(ns >= 1e6 && ns < 1e18))
			continue;
		*ret_ns = (uint64_t)ns;
		return true;
	}
	complain("--duration needs a time such as 500ms, 30s, 5m or 1h, not '%s'", value);
	return false;
}

static bool take_method(const char *value, enum attach_method *ret)
{
	if (strcmp(value, "ebpf") == 0)
		*ret = ATTACH_EBPF;
	else if (strcmp(value, "poll") == 0)
		*ret = ATTACH_POLL;
	else
		complain("--method needs ebpf or poll, not '%s'", value);
	return *ret != ATTACH_BEST;
}

static bool is_server(pid_t pid)
{
	struct process process;
	bool listens =
		process_look(pid, PROCESSES_THOROUGH, &process) == 0 && process.listening_count > 0;

	process_done(&process);
	return listens;
}

/*
 * Whether a process may have loops that wait by poll or select: one that has epoll descriptors has
 * not, unless a thread of it is seen to wait so.
 */
static bool may_poll(pid_t pid)
{
	struct process process;
	bool polls = process_look(pid, PROCESSES_THOROUGH, &process) != 0 || !process.epolls;

	for (size_t i = 0; i < process.loop_count; i++)
		polls |= process.loops[i].wait == THREAD_WAITS_POLL ||
			 process.loops[i].wait == THREAD_WAITS_SELECT;
	process_done(&process);
	return polls;
}

void attaching_init(struct attaching *attaching)
{
	*attaching = (struct attaching){
		.options =
			{
				.threshold_ns = 50 * ms_ns,
				.interval_ns = 10 * ms_ns,
				.max_bytes = 64 << 20,
				.listens = is_server,
				.serves = process_is_served,
				.prepare = destination_prepare,
				.stop = &interrupted,
			},
	};
}

enum exit_status attaching_take(
	struct attaching *attaching, enum attaching_option option, const char *value)
{
	struct attach_options *options = &attaching->options;
	bool good = true;

	switch (option) {
	case ATTACHING_PID:
		attaching->choice.pid = value;
		break;
	case ATTACHING_PORT:
		attaching->choice.port = value;
		break;
	case ATTACHING_NAME:
		attaching->choice.name = value;
		break;
	case ATTACHING_DURATION:
		good = take_duration(value, &options->duration_ns);
		break;
	case ATTACHING_CHILDREN:
		options->children = attaching->choice.children = true;
		break;
	case ATTACHING_METHOD:
		good = take_method(value, &options->method);
		break;
	case ATTACHING_THRESHOLD:
		good = take_ms("threshold", value, &options->threshold_ns);
		break;
	case ATTACHING_INTERVAL:
		good = take_ms("interval", value, &options->interval_ns);
		break;
	case ATTACHING_OPTIONS:
		break;
	}
	return good ? STATUS_OK : STATUS_USAGE;
}

/* A descriptor of the process that was chosen; -1: it has ended, and the pid may be another's. */
static int hold(const struct chosen *chosen)
{
	int pidfd = (int)syscall(SYS_pidfd_open, chosen->pid, 0);
	struct procfs_stat stat;

	if (pidfd >= 0 && procfs_stat(chosen->pid, &stat) == 0 && stat.start == chosen->start)
		return pidfd;
	if (pidfd >= 0)
		close(pidfd);
	return -1;
}

enum exit_status attaching_choose(struct attaching *attaching, const char *command)
{
	struct chosen chosen;
	enum exit_status status = choose_target(&attaching->choice, &chosen);

	if (status != STATUS_OK) {
		complain("%s: %s", command, chosen.why);
		return status;
	}
	attaching->options.pid = chosen.pid;
	attaching->options.pidfd = hold(&chosen);
	if (attaching->options.pidfd < 0) {
		complain("%s: process %d has ended", command, (int)chosen.pid);
		return STATUS_GONE;
	}
	attaching->options.polls = attaching->options.children || may_poll(chosen.pid);
	return STATUS_OK;
}

/* --- running ------------------------------------------------------------------------------------
 */

static void clear_line(void)
{
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
}

static void on_complaint(void *context, const char *text)
{
	(void)context;
	clear_line();
	complain("%s: %s", command_name, text);
}

/* Another tool may come when this one is at work already: it is told of once. */
static void look_for_others(struct attaching *attaching)
{
	pid_t other = attaching->other ? 0 : claim_other(attaching->options.pid);
	char text[160];

	if (!other)
		return;
	attaching->other = other;
	snprintf(text, sizeof(text),
		"process %d is watched by another holter, too (pid %d): neither disturbs the "
		"other, and their costs add up",
		(int)attaching->options.pid, (int)other);
	on_complaint(attaching, text);
}

static void on_progress(void *context, const struct attach_progress *progress)
{
	look_for_others(context);
	if (!isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\r\033[K%.0f s", (double)progress->elapsed_ns / 1e9);
	if (progress->duration_ns)
		fprintf(stderr, " of %.0f", (double)progress->duration_ns / 1e9);
	fprintf(stderr, ": %zu loop%s, %llu stall%s (Ctrl-C ends it)", progress->loops,
		progress->loops == 1 ? "" : "s", (unsigned long long)progress->stalls,
		progress->stalls == 1 ? "" : "s");
}

static enum exit_status status_of(int error)
{
	switch (error) {
	case 0:
		return STATUS_OK;
	case -ESRCH:
		return STATUS_GONE;
	case -EPERM:
	case -EACCES:
		return STATUS_PERMISSION;
	default:
		return STATUS_FAILED;
	}
}

enum exit_status attaching_run(struct attaching *attaching, const char *command)
{
	struct sigaction action = {.sa_handler = on_interrupt};
	struct attach_result result;
	int claim = claim_take(attaching->options.pid), error;

	command_name = command;
	look_for_others(attaching);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	attaching->options.progress = on_progress;
	attaching->options.complain = on_complaint;
	attaching->options.context = attaching;
	error = attach_run(&attaching->options, &result);
	close(attaching->options.pidfd);
	clear_line();
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	if (claim >= 0)
		close(claim);
	if (result.write_error)
		complain("%s: not all of the recording could be written: %s", command,
			strerror(-result.write_error));
	if (!error && result.gone)
		complain("%s: process %d ended while it was watched", command,
			(int)attaching->options.pid);
	return status_of(error);
}
