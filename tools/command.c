/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command.c - what all commands share: options, help, complaints.
 *
 * Tier C. Data: struct command and arguments -> options, text.
 */
#include "command.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "render.h"

enum { OPTIONS_MAX = 31 };

/* getopt_long's two tables, made from a command's one. */
struct getopt_tables {
	struct option longs[OPTIONS_MAX + 1];
	char shorts[3 + 2 * OPTIONS_MAX + 1];
};

static void build_tables(struct getopt_tables *ret, const struct command *command)
{
	char *next = ret->shorts;

	/* '+': stop at the first operand; ':': tell a missing argument from an unknown option. */
	if (command->runs_a_program)
		*next++ = '+';
	*next++ = ':';
	for (size_t i = 0; i < OPTIONS_MAX && command->options[i].name; i++) {
		const struct command_option *option = &command->options[i];

		ret->longs[i] = (struct option){
			.name = option->name,
			.has_arg = option->argument ? required_argument : no_argument,
			.val = 256 + (int)i,
		};
		if (option->letter == 0)
			continue;
		*next++ = option->letter;
		if (option->argument)
			*next++ = ':';
	}
	*next = '\0';
}

static int index_of(const struct command *command, int value)
{
	int index = 0;

	if (value >= 256)
		return value - 256;
	while (command->options[index].letter != value)
		index++;
	return index;
}

int command_next_option(
	const struct command *command, int argc, char **argv, const char **ret_value)
{
	struct getopt_tables tables = {0};
	int value, word = optind;

	build_tables(&tables, command);
	opterr = 0;
	value = getopt_long(argc, argv, tables.shorts, tables.longs, NULL);
	if (value == -1)
		return -1;
	if (value == ':' || value == '?') {
		/* optopt is a short option's letter, or 0 if a long one is wrong. */
		bool is_short = optopt > 0 && optopt < 256;
		char letter[] = {'-', (char)optopt, '\0'};

		complain("%s: %s %s: try 'holter help %s'", command->name,
			value == ':' ? "no value is given for" : "unknown option",
			is_short ? letter : argv[optind - 1 > word ? optind - 1 : word],
			command->name);
		return -2;
	}
	*ret_value = optarg;
	return index_of(command, value);
}

int command_finish(const struct command *command)
{
	/* Of a write that failed earlier the reason is no longer known. */
	const char *reason = "not all of it could be written";

	if (!ferror(stdout)) {
		if (fflush(stdout) == 0)
			return STATUS_OK;
		reason = strerror(errno);
	}
	complain("%s: standard output: %s", command->name, reason);
	return STATUS_FAILED;
}

void command_help(FILE *out, const struct command *command)
{
	fprintf(out, "holter %s: %s\n\nUsage: holter %s %s\n", command->name, command->summary,
		command->name, command->usage);
	if (command->details)
		fprintf(out, "\n%s\n", command->details);
	if (command->options[0].name)
		fputs("\nOptions:\n", out);
	for (const struct command_option *option = command->options; option->name; option++) {
		char text[64];

		snprintf(text, sizeof(text), "--%s%s%s", option->name, option->argument ? " " : "",
			option->argument ? option->argument : "");
		if (option->letter)
			fprintf(out, "  -%c, %-20s  %s\n", option->letter, text, option->help);
		else
			fprintf(out, "      %-20s  %s\n", text, option->help);
	}
	if (command->examples)
		fprintf(out, "\nExamples:\n%s\n", command->examples);
}

void complain(const char *format, ...)
{
	va_list arguments;
	char *line = NULL;

	va_start(arguments, format);
	if (vasprintf(&line, format, arguments) < 0)
		line = NULL;
	va_end(arguments);
	fputs("holter: ", stderr);
	render_quoted(stderr, line ? line : "out of memory");
	fputc('\n', stderr);
	free(line);
}
