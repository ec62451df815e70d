/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_doctor.c - `holter doctor`: what can be observed here, what cannot, and why.
 *
 * Tier C. Data: the checks of doctor.h -> text or JSON on standard output.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "doctor.h"
#include "json_writer.h"
#include "render.h"

static const struct command_option options[] = {
	{"pid", 'p', "PID", "look at this process as well"},
	{"json", 0, NULL, "print one JSON object"},
	{NULL, 0, NULL, NULL},
};

enum { OPTION_PID, OPTION_JSON };

static const char *const status_names[] = {
	[DOCTOR_OK] = "ok",
	[DOCTOR_LIMITED] = "limited",
	[DOCTOR_NO] = "no",
};

/* What no check can change. */
static const char *const never[] = {
	"programs that are linked statically, or run on musl, or gain privilege when they start",
	"waits by io_uring, or by a system call that the program makes without libc",
	"what happens inside other processes: each records itself",
};

/* Returns whether a right was missing. */
static bool print_checks(const char *title, const struct doctor_check *check, pid_t pid)
{
	struct doctor_answer answer;
	bool denied = false;

	printf("%s\n", title);
	for (; check->name; check++) {
		check->look(pid, &answer);
		printf("  %-7s  %-18s  ", status_names[answer.status], check->name);
		render_quoted(stdout, answer.what);
		printf("\n");
		if (answer.advice[0])
			printf("  %-7s  %-18s  -> %s\n", "", "", answer.advice);
		denied |= answer.denied;
	}
	return denied;
}

static bool print_text(pid_t pid)
{
	bool denied = false;
	char title[64];

	print_checks("On this machine, for this user:", doctor_machine, 0);
	if (pid) {
		snprintf(title, sizeof(title), "\nProcess %d:", (int)pid);
		denied = print_checks(title, doctor_process, pid);
	}
	printf("\nNot observed in this version, on any machine:\n");
	for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++)
		printf("  - %s\n", never[i]);
	return denied;
}

/* Returns whether a right was missing. */
static bool write_checks(
	struct json_writer *json, const char *name, const struct doctor_check *check, pid_t pid)
{
	struct doctor_answer answer;
	bool denied = false;

	json_writer_open_array(json, name);
	for (; check->name; check++) {
		check->look(pid, &answer);
		json_writer_open_row(json, NULL);
		json_writer_text(json, "name", check->name);
		json_writer_text(json, "status", status_names[answer.status]);
		json_writer_text(json, "what", answer.what);
		json_writer_text(json, "advice", answer.advice[0] ? answer.advice : NULL);
		json_writer_close_object(json);
		denied |= answer.denied;
	}
	json_writer_close_array(json);
	return denied;
}

static bool print_json(pid_t pid)
{
	struct json_writer json;
	bool denied = false;

	json_writer_init(&json, stdout);
	json_writer_open_object(&json, NULL);
	json_writer_text(&json, "holter", HOLTER_VERSION);
	write_checks(&json, "machine", doctor_machine, 0);
	if (pid) {
		json_writer_integer(&json, "pid", (uint64_t)pid);
		denied = write_checks(&json, "process", doctor_process, pid);
	}
	json_writer_open_array(&json, "not_observed");
	for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++)
		json_writer_text(&json, NULL, never[i]);
	json_writer_close_array(&json);
	json_writer_close_object(&json);
	return denied;
}

/* False for what has ended and waits for its parent, and for threads of the kernel. */
static bool has_program(pid_t pid)
{
	char path[64], target[1];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	return readlink(path, target, sizeof(target)) >= 0 || errno != ENOENT;
}

/* Returns 0 and the pid, or the status to exit with. */
static int parse_pid(const char *text, pid_t *ret)
{
	char *end;
	long pid;

	errno = 0;
	pid = strtol(text, &end, 10);
	if (errno || end == text || *end || pid <= 0 || pid != (pid_t)pid) {
		complain("doctor: '%s' is no process id", text);
		return STATUS_USAGE;
	}
	if (kill((pid_t)pid, 0) < 0 && errno == ESRCH) {
		complain("doctor: there is no process %ld: it is gone, or lives in another pid "
			 "namespace",
			pid);
		return STATUS_GONE;
	}
	if (!has_program((pid_t)pid)) {
		complain("doctor: process %ld runs no program: it has ended, or is a thread of the "
			 "kernel",
			pid);
		return STATUS_GONE;
	}
	*ret = (pid_t)pid;
	return STATUS_OK;
}

static int run(const struct command *command, int argc, char **argv)
{
	const char *value;
	bool json = false, denied;
	pid_t pid = 0;
	int option, status;

	while ((option = command_next_option(command, argc, argv, &value)) >= 0) {
		if (option == OPTION_JSON) {
			json = true;
			continue;
		}
		status = parse_pid(value, &pid);
		if (status)
			return status;
	}
	if (option == -2)
		return STATUS_USAGE;
	if (optind != argc) {
		complain("doctor: wants no operand; a process is named by -p: try 'holter help "
			 "doctor'");
		return STATUS_USAGE;
	}
	denied = json ? print_json(pid) : print_text(pid);
	if (fflush(stdout) != 0) {
		complain("doctor: standard output: %s", strerror(errno));
		return STATUS_FAILED;
	}
	return denied ? STATUS_PERMISSION : STATUS_OK;
}

const struct command command_doctor = {
	.name = "doctor",
	.summary = "what can be observed here, what cannot, and why",
	.usage = "[-p PID] [--json]",
	.details =
		"Tries what a recording needs, and says for each whether it works (ok), works in "
		"part (limited) or\n"
		"not at all (no), why, and what to do. With -p it looks at a running process as "
		"well, and changes\n"
		"nothing in it.",
	.examples = "  holter doctor\n"
		    "  holter doctor -p $(pidof node)\n"
		    "  holter doctor --json",
	.options = options,
	.run = run,
};
