/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command.h - a command of the `holter` program. Each lives in its own cmd_NAME.c, which defines
 * `const struct command command_NAME`; holter.c holds the list. Help and the check of the man pages
 * derive from this structure.
 *
 * Tier C.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

enum exit_status {
	STATUS_OK = 0,
	STATUS_FOUND = 1, /* diagnose --exit-code: severity warning or above */
	STATUS_USAGE = 2,
	STATUS_PERMISSION = 3,
	STATUS_GONE = 4,   /* the target is gone */
	STATUS_FAILED = 5, /* anything else: a file that cannot be read, no space, … */
};

struct command_option {
	const char *name;     /* long name without dashes */
	char letter;          /* short name, or 0 */
	const char *argument; /* placeholder ("FILE"), or null for a switch */
	const char *help;
};

struct command {
	const char *name;
	const char *summary;                  /* one line */
	const char *usage;                    /* after "holter NAME " */
	const char *details;                  /* paragraphs for --help, may be null */
	const char *examples;                 /* lines for --help */
	const struct command_option *options; /* ended by a null name */
	bool runs_a_program; /* options end at the first operand: what follows is a command line */
	int (*run)(const struct command *command, int argc,
		char **argv); /* argv[0] is the command's name */
};

/* The command of this name, or null: this version has none. In holter.c. */
const struct command *command_find(const char *name);
/*
 * Parses the next option of a command (a thin cover over getopt_long). Returns the index into
 * command->options, -1 at the end (optind is then the first operand), or -2 after having said what
 * is wrong.
 * --help is answered by the caller in holter.c before run.
 */
int command_next_option(
	const struct command *command, int argc, char **argv, const char **ret_value);
/*
 * Flushes standard output at a command's end. Returns STATUS_OK, or STATUS_FAILED after having said
 * that not all of it was written.
 */
int command_finish(const struct command *command);
/* Prints what `holter help NAME` and `holter NAME --help` say. */
void command_help(FILE *out, const struct command *command);
/* Prints "holter: ..." on standard error, one line: control characters of file names and the like
 * are escaped. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
