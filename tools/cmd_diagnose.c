/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_diagnose.c - `holter diagnose`: says what was wrong, and which function is to blame, in a
 * recording or in a running process.
 *
 * Tier C. Data: a recording, or a process that is watched for a while -> findings on standard
 * output.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attaching.h"
#include "command.h"
#include "destination.h"
#include "family.h"
#include "load.h"
#include "render.h"

enum {
	OPTION_JSON = ATTACHING_OPTIONS,
	OPTION_ALL,
	OPTION_EXIT_CODE,
	OPTION_SYMBOLS,
	OPTION_SOURCES,
	OPTION_OUTPUT,
};

static const struct command_option options[] = {
	ATTACHING_TABLE,
	[OPTION_JSON] = {"json", 0, NULL, "print one JSON object"},
	[OPTION_ALL] = {"all", 'a', NULL, "show findings of severity info too"},
	[OPTION_EXIT_CODE] = {"exit-code", 0, NULL,
		"exit with 1 if anything of severity warning or above was found"},
	[OPTION_SYMBOLS] = {"symbols", 0, "DIR",
		"look for executables and libraries below DIR first"},
	[OPTION_SOURCES] = {"sources", 0, "DIR",
		"look for scripts and source maps below DIR first"},
	[OPTION_OUTPUT] = {"output", 'o', "FILE",
		"of a running process: keep the recording as FILE"},
	{NULL, 0, NULL, NULL},
};

static const uint64_t watch_ns = 10000000000; /* without -d */

struct request {
	struct attaching attaching;
	struct load_options load;
	struct text_options text;
	const char *output;
	char root[64]; /* of the process, where its scripts are */
	bool json, exit_code, is_live;
};

static bool wants_color(void)
{
	const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no_color && no_color[0] != '\0') &&
	       !(terminal && strcmp(terminal, "dumb") == 0);
}

static bool found_something(const struct diagnosis *diagnosis)
{
	return diagnosis->finding_count > 0 && diagnosis->findings[0].severity >= SEVERITY_WARNING;
}

/* Reads the options. Returns STATUS_OK or STATUS_USAGE. */
static enum exit_status take_options(
	const struct command *command, int argc, char **argv, struct request *request)
{
	const char *value;
	int option;

	while ((option = command_next_option(command, argc, argv, &value)) != -1) {
		switch (option) {
		case OPTION_JSON:
			request->json = true;
			break;
		case OPTION_ALL:
			request->text.all = true;
			break;
		case OPTION_EXIT_CODE:
			request->exit_code = true;
			break;
		case OPTION_SYMBOLS:
			request->load.symbols = value;
			break;
		case OPTION_SOURCES:
			request->load.sources = value;
			break;
		case OPTION_OUTPUT:
			request->output = value;
			break;
		case -2:
			return STATUS_USAGE;
		default:
			request->is_live = true;
			if (attaching_take(&request->attaching, (enum attaching_option)option,
				    value) != STATUS_OK)
				return STATUS_USAGE;
		}
	}
	return STATUS_OK;
}

/* A recording and what it shows. */
struct judged {
	struct recording *recording;
	struct diagnosis diagnosis;
};

/* Returns STATUS_OK, or the status to exit with after having complained. */
static enum exit_status judge_one(
	struct judged *ret, const char *path, const struct load_options *load)
{
	int status = load_recording(&ret->recording, path, load), error;

	if (status != STATUS_OK)
		return (enum exit_status)status;
	error = diagnose(&ret->diagnosis, ret->recording);
	if (!error)
		return STATUS_OK;
	complain("diagnose: %s: %s", path, strerror(-error));
	recording_free(ret->recording);
	return STATUS_FAILED;
}

/* Whether the first findings are in order: the worse one first. */
static bool is_worse(const struct judged *left, const struct judged *right)
{
	const struct finding *a = left->diagnosis.findings, *b = right->diagnosis.findings;

	if (!found_something(&left->diagnosis) || !found_something(&right->diagnosis))
		return found_something(&left->diagnosis);
	return a->severity != b->severity ? a->severity > b->severity
					  : a->stall.lost_share > b->stall.lost_share;
}

/* Where nothing is wrong with the process itself, a process that it started may be the one. */
static void prefer_relative(
	struct judged *judged, const char *path, const struct load_options *load)
{
	struct family family;
	struct judged other, own = *judged;
	const char *worst = NULL;

	if (found_something(&judged->diagnosis) || family_find(&family, path))
		return;
	for (size_t i = 0; i < family.count; i++) {
		if (!family.paths[i] || judge_one(&other, family.paths[i], load) != STATUS_OK)
			continue;
		if (!family_is_one(own.recording, other.recording) || !is_worse(&other, judged)) {
			recording_free(other.recording);
			continue;
		}
		if (worst)
			recording_free(judged->recording);
		*judged = other;
		worst = family.paths[i];
	}
	if (worst) {
		complain("diagnose: nothing is wrong in %s itself; this is %s, the recording of a "
			 "process that it started",
			path, worst);
		recording_free(own.recording);
	}
	family_done(&family);
}

/* Says what a recording shows. */
static enum exit_status judge(
	const struct command *command, const struct request *request, const char *path)
{
	struct judged judged;
	enum exit_status status = judge_one(&judged, path, &request->load);

	if (status != STATUS_OK)
		return status;
	prefer_relative(&judged, path, &request->load);
	if (request->json)
		render_json(stdout, &judged.diagnosis);
	else
		render_text(stdout, &judged.diagnosis, &request->text);
	status = (enum exit_status)command_finish(command);
	if (status == STATUS_OK && request->exit_code && found_something(&judged.diagnosis))
		status = STATUS_FOUND;
	recording_free(judged.recording);
	return status;
}

/* Watches a process into a file, and judges that while the process is there to name its frames. */
static enum exit_status judge_live(
	const struct command *command, struct request *request, const char *path)
{
	enum exit_status status;

	request->attaching.options.out = path;
	if (!request->attaching.options.duration_ns)
		request->attaching.options.duration_ns = watch_ns;
	status = attaching_run(&request->attaching, "diagnose");
	if (status != STATUS_OK)
		return status;
	/* Its scripts may be in a container. */
	snprintf(request->root, sizeof(request->root), "/proc/%d/root",
		(int)request->attaching.options.pid);
	request->load.root = request->root;
	return judge(command, request, path);
}

/* And what it was before it turned over (sink.h). */
static void remove_recording(const char *path)
{
	char *earlier;

	unlink(path);
	if (asprintf(&earlier, "%s.1", path) < 0)
		return;
	unlink(earlier);
	free(earlier);
}

/* In a file that is kept, or in a private folder that is not. */
static enum exit_status watch_and_judge(const struct command *command, struct request *request)
{
	char folder[] = "/tmp/holter-XXXXXX", *path = NULL;
	enum exit_status status = attaching_choose(&request->attaching, "diagnose");

	if (status != STATUS_OK)
		return status;
	if (request->output) {
		path = destination_absolute(request->output);
		status = path && destination_prepare(path) ? judge_live(command, request, path)
							   : STATUS_FAILED;
		free(path);
		return status;
	}
	if (!mkdtemp(folder) || asprintf(&path, "%s/recording.holter", folder) < 0) {
		complain("diagnose: a folder for the recording: %s; keep it elsewhere with -o",
			strerror(errno));
		return STATUS_FAILED;
	}
	status = judge_live(command, request, path);
	remove_recording(path);
	rmdir(folder);
	free(path);
	return status;
}

static int run(const struct command *command, int argc, char **argv)
{
	struct request request = {.text = {.color = wants_color()}};

	attaching_init(&request.attaching);
	if (take_options(command, argc, argv, &request) != STATUS_OK)
		return STATUS_USAGE;
	if (request.attaching.options.children && !request.output) {
		complain("diagnose: --children makes a recording of each child: keep them with -o, "
			 "and diagnose those (FILE.PID) afterwards");
		return STATUS_USAGE;
	}
	if (optind + !request.is_live != argc) {
		complain("diagnose: one recording or one process (-p) is needed: try 'holter help "
			 "diagnose'");
		return STATUS_USAGE;
	}
	return (int)(request.is_live ? watch_and_judge(command, &request)
				     : judge(command, &request, argv[optind]));
}

const struct command command_diagnose = {
	.name = "diagnose",
	.summary = "say what was wrong, and which function is to blame",
	.usage = "[OPTION...] FILE | -p PID | --port PORT | --name NAME",
	.details =
		"Reads a recording and prints its findings, worst first: cause, culprit with "
		"file and line, and\n"
		"how much of the time was lost. What the recording cannot say is listed as not "
		"observed.\n"
		"Processes that the recorded one started have recordings of their own, FILE.PID: "
		"if nothing is wrong in\n"
		"FILE, the worst of those is shown.\n"
		"With -p, --port or --name it watches a running process first, for ten seconds "
		"or as -d says, as\n"
		"'holter attach' does; Ctrl-C ends that early, with a verdict on what was "
		"recorded by then.",
	.examples = "  holter diagnose shop.holter\n"
		    "  sudo holter diagnose -p $(pidof node) -d 5s\n"
		    "  holter diagnose --json --exit-code shop.holter",
	.options = options,
	.run = run,
};
