/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_diagnose.c - `holter diagnose`: says what was wrong, and which function is to blame.
 *
 * Tier C. Data: a recording -> findings on standard output.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "load.h"
#include "render.h"

enum { OPTION_JSON, OPTION_ALL, OPTION_EXIT_CODE, OPTION_SYMBOLS, OPTION_SOURCES };

static const struct command_option options[] = {
	[OPTION_JSON] = {"json", 0, NULL, "print one JSON object"},
	[OPTION_ALL] = {"all", 'a', NULL, "show findings of severity info too"},
	[OPTION_EXIT_CODE] = {"exit-code", 0, NULL,
		"exit with 1 if anything of severity warning or above was found"},
	[OPTION_SYMBOLS] = {"symbols", 0, "DIR",
		"look for executables and libraries below DIR first"},
	[OPTION_SOURCES] = {"sources", 0, "DIR",
		"look for scripts and source maps below DIR first"},
	{NULL, 0, NULL, NULL},
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

static int run(const struct command *command, int argc, char **argv)
{
	struct text_options text = {.color = wants_color()};
	struct recording *recording;
	struct diagnosis diagnosis;
	struct load_options load = {0};
	const char *value;
	bool json = false, exit_code = false;
	int option, status, error;

	while ((option = command_next_option(command, argc, argv, &value)) != -1) {
		switch (option) {
		case OPTION_JSON:
			json = true;
			break;
		case OPTION_ALL:
			text.all = true;
			break;
		case OPTION_EXIT_CODE:
			exit_code = true;
			break;
		case OPTION_SYMBOLS:
			load.symbols = value;
			break;
		case OPTION_SOURCES:
			load.sources = value;
			break;
		default:
			return STATUS_USAGE;
		}
	}
	if (optind + 1 != argc) {
		complain("diagnose: wants one recording: try 'holter help diagnose'");
		return STATUS_USAGE;
	}
	status = load_recording(&recording, argv[optind], &load);
	if (status != STATUS_OK)
		return status;
	error = diagnose(&diagnosis, recording);
	if (error) {
		complain("diagnose: %s: %s", argv[optind], strerror(-error));
		recording_free(recording);
		return STATUS_FAILED;
	}
	if (json)
		render_json(stdout, &diagnosis);
	else
		render_text(stdout, &diagnosis, &text);
	status = command_finish(command);
	if (status == STATUS_OK && exit_code && found_something(&diagnosis))
		status = STATUS_FOUND;
	recording_free(recording);
	return status;
}

const struct command command_diagnose = {
	.name = "diagnose",
	.summary = "say what was wrong, and which function is to blame",
	.usage = "[OPTION...] FILE",
	.details = "Reads a recording and prints its findings, worst first: cause, culprit with "
		   "file and line, and\n"
		   "how much of the time was lost. What the recording cannot say is listed as not "
		   "observed.",
	.examples = "  holter diagnose shop.holter\n"
		    "  holter diagnose --json --exit-code shop.holter",
	.options = options,
	.run = run,
};
