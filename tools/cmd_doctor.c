/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_doctor.c - `holter doctor`: what can be observed here, what cannot, and why.
 *
 * Tier C. Data: an examination and the list of limits -> text, JSON or markdown.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "examination.h"
#include "json_writer.h"
#include "limit_print.h"

enum { OPTION_PID, OPTION_LIMITS, OPTION_JSON, OPTION_MARKDOWN };

static const struct command_option options[] = {
	[OPTION_PID] = {"pid", 'p', "PID", "inspect this process as well"},
	[OPTION_LIMITS] = {"limits", 0, NULL, "list all that Holter cannot see, and why"},
	[OPTION_JSON] = {"json", 0, NULL, "print one JSON object"},
	[OPTION_MARKDOWN] = {"markdown", 0, NULL,
		"with --limits: print them as LIMITS.md has them"},
	{NULL, 0, NULL, NULL},
};

/* What was asked for. */
struct request {
	pid_t pid; /* 0: none */
	bool limits, json, markdown;
};

/* Of a process those that its checks have met; of the machine the whole list, as it may meet any.
 */
static void print_limits(const struct examination *examination)
{
	bool some = false;

	if (!examination->pid) {
		printf("\n--- What Holter cannot see (holter doctor --limits says why) ---\n");
		limit_print_text(stdout, false);
		return;
	}
	for (enum limit_id id = 0; id < LIMITS; id++) {
		if (!examination_meets(examination, id))
			continue;
		if (!some)
			printf("\n--- Limits that apply here ---\n");
		some = true;
		limit_print_one(stdout, limits + id, true);
	}
	printf("\nOther limits hold for every process: holter doctor --limits\n");
}

static void print_json(const struct request *request, const struct examination *examination)
{
	struct json_writer json;

	json_writer_init(&json, stdout);
	json_writer_open_object(&json, NULL);
	json_writer_text(&json, "holter", HOLTER_VERSION);
	if (!request->limits)
		examination_print_json(examination, &json);
	json_writer_open_array(&json, "limits");
	for (enum limit_id id = 0; id < LIMITS; id++) {
		if (!request->pid || examination_meets(examination, id))
			limit_print_json(&json, limits + id);
	}
	json_writer_close_array(&json);
	json_writer_close_object(&json);
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
		complain("doctor: '%s' is not a process id", text);
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

static int parse(const struct command *command, int argc, char **argv, struct request *ret)
{
	const char *value;
	int option, status;

	while ((option = command_next_option(command, argc, argv, &value)) >= 0) {
		switch (option) {
		case OPTION_PID:
			status = parse_pid(value, &ret->pid);
			if (status)
				return status;
			break;
		case OPTION_LIMITS:
			ret->limits = true;
			break;
		case OPTION_JSON:
			ret->json = true;
			break;
		case OPTION_MARKDOWN:
			ret->markdown = true;
			break;
		}
	}
	if (option == -2)
		return STATUS_USAGE;
	if (optind != argc) {
		complain("doctor: takes no operand; a process is named by -p: try 'holter help "
			 "doctor'");
		return STATUS_USAGE;
	}
	if ((ret->limits && ret->pid) || (ret->markdown && (!ret->limits || ret->json))) {
		complain("doctor: --limits lists all limits, without -p, and --markdown is one way "
			 "to print them: try 'holter help doctor'");
		return STATUS_USAGE;
	}
	return STATUS_OK;
}

static int run(const struct command *command, int argc, char **argv)
{
	static struct examination examination; /* all answers: large for a stack */
	struct request request = {0};
	int status = parse(command, argc, argv, &request);

	if (status)
		return status;
	if (!request.limits && examination_make(&examination, request.pid) < 0) {
		complain("doctor: out of memory");
		return STATUS_FAILED;
	}
	/* Whatever was found of a process that has gone meanwhile is worth nothing. */
	if (request.pid && !has_program(request.pid)) {
		complain("doctor: process %d has ended meanwhile", (int)request.pid);
		return STATUS_GONE;
	}
	if (request.json) {
		print_json(&request, &examination);
	} else if (request.markdown) {
		limit_print_markdown(stdout);
	} else if (request.limits) {
		limit_print_text(stdout, true);
	} else {
		examination_print_text(&examination, stdout);
		print_limits(&examination);
	}
	status = command_finish(command);
	return status == STATUS_OK && examination.denied ? STATUS_PERMISSION : status;
}

const struct command command_doctor = {
	.name = "doctor",
	.summary = "say what can be observed here, what cannot, and why",
	.usage = "[-p PID] [--json] | --limits [--json | --markdown]",
	.details = "Tries what recording and attaching need, and says for each whether it works "
		   "(ok), works in part\n"
		   "(limited) or not at all (no), why, and what to do. With -p it inspects a "
		   "running process as well,\n"
		   "changes nothing in it, and names the limits that apply to it.",
	.examples = "  holter doctor\n"
		    "  holter doctor -p $(pidof node)\n"
		    "  holter doctor --limits",
	.options = options,
	.run = run,
};
