/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_attach.c - `holter attach`: records a process that runs already, from outside.
 *
 * Tier C. Data: a running process -> a recording.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attaching.h"
#include "destination.h"

enum { OPTION_OUTPUT = ATTACHING_OPTIONS };

static const struct command_option options[] = {
	ATTACHING_TABLE,
	[OPTION_OUTPUT] = {"output", 'o', "FILE",
		"write the recording to FILE (a recording that is there is replaced)"},
	{0},
};

static int run(const struct command *command, int argc, char **argv)
{
	struct attaching attaching;
	const char *value, *output = NULL;
	enum exit_status status = STATUS_OK;
	char *path;
	int option;

	attaching_init(&attaching);
	while ((option = command_next_option(command, argc, argv, &value)) >= 0) {
		if (option == OPTION_OUTPUT)
			output = value;
		else
			status = attaching_take(&attaching, (enum attaching_option)option, value);
		if (status != STATUS_OK)
			return status;
	}
	if (option == -2)
		return STATUS_USAGE;
	if (optind != argc || !output) {
		complain("attach: %s: try 'holter help attach'",
			output ? "takes no operand" : "a file for the recording (-o) is needed");
		return STATUS_USAGE;
	}
	status = attaching_choose(&attaching, "attach");
	if (status != STATUS_OK)
		return status;
	path = destination_absolute(output);
	if (!path || !destination_prepare(path)) {
		free(path);
		return STATUS_FAILED;
	}
	attaching.options.out = path;
	status = attaching_run(&attaching, "attach");
	free(path);
	return status;
}

const struct command command_attach = {
	.name = "attach",
	.summary = "record a running process from outside, without touching it",
	.usage = "-p PID | --port PORT | --name NAME [OPTION...] -o FILE",
	.details =
		"Watches the event loops of a running process by eBPF, or by polling /proc "
		"(--method=poll), and writes\n"
		"the same recording that the preload library writes. Nothing is injected, the "
		"process is never stopped,\n"
		"and nothing stays behind. Ends when the time is over, when the process ends, or "
		"by Ctrl-C; what was\n"
		"recorded by then is in FILE.",
	.examples = "  sudo holter attach -p 4711 -d 30s -o shop.holter\n"
		    "  sudo holter attach --port 3000 -d 5m -o shop.holter\n"
		    "  holter diagnose shop.holter",
	.options = options,
	.run = run,
};
