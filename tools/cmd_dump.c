/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_dump.c - `holter dump`: prints a recording as it is.
 *
 * Tier C. Data: a recording -> its blocks on standard output.
 */
#include <getopt.h>

#include "command.h"
#include "load.h"

static const struct command_option options[] = {
	{NULL, 0, NULL, NULL},
};

static int run(const struct command *command, int argc, char **argv)
{
	const char *value;
	int error;

	if (command_next_option(command, argc, argv, &value) != -1)
		return STATUS_USAGE;
	if (optind + 1 != argc) {
		complain("dump: one recording is needed: try 'holter help dump'");
		return STATUS_USAGE;
	}
	error = recording_dump(stdout, argv[optind]);
	if (error && !ferror(stdout))
		return load_complain(argv[optind], error);
	return command_finish(command);
}

const struct command command_dump = {
	.name = "dump",
	.summary = "print a recording as it is, block by block",
	.usage = "FILE",
	.details = "Prints every intact block, one line a message, before any names are looked up. "
		   "The file's\n"
		   "format is specified in holter.proto.",
	.examples = "  holter dump shop.holter | less",
	.options = options,
	.run = run,
};
