/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holter.c - the list of commands, and the choice of one.
 *
 * Tier C. What a command does, and which options it has, stands in its own cmd_NAME.c.
 */
#include <stdio.h>
#include <string.h>

#include "command.h"

extern const struct command command_run, command_attach, command_diagnose, command_flame,
	command_dump, command_ps, command_doctor;

static const struct command *const commands[] = {
	&command_run,
	&command_attach,
	&command_diagnose,
	&command_flame,
	&command_dump,
	&command_ps,
	&command_doctor,
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	return NULL;
}

static void print_overview(FILE *out)
{
	fputs("holter: which function holds the event loop of a server\n\n"
	      "Usage: holter COMMAND [OPTION...] [OPERAND...]\n\nCommands:\n",
		out);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fputs("  help       what a command does, and its options: holter help COMMAND\n\n"
	      "Exit status: 0; 1 with diagnose --exit-code if something was found; 2 usage;\n"
	      "3 a permission is missing; 4 there is no such process; 5 anything else.\n",
		out);
}

/* One line for each command and each of its options: the check of the man pages reads it. */
static void print_options(FILE *out)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		fprintf(out, "%s\n", commands[i]->name);
		for (const struct command_option *option = commands[i]->options; option->name;
			option++)
			fprintf(out, "%s --%s\n", commands[i]->name, option->name);
	}
}

static int complain_about(const char *name)
{
	complain("%s: no such command: 'holter help' lists them", name);
	return STATUS_USAGE;
}

static int help(const char *name)
{
	const struct command *command;

	if (!name) {
		print_overview(stdout);
		return STATUS_OK;
	}
	command = command_find(name);
	if (!command)
		return complain_about(name);
	command_help(stdout, command);
	return STATUS_OK;
}

/* Whether the command's own arguments ask for help; those of a program that it runs do not count.
 */
static bool asks_for_help(const struct command *command, int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (command->runs_a_program && argv[i][0] != '-')
			return i == 1 ? false : strcmp(argv[i - 1], "--help") == 0;
		if (strcmp(argv[i], "--help") == 0)
			return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		print_overview(stderr);
		return STATUS_USAGE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("holter " HOLTER_VERSION);
		return STATUS_OK;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
		strcmp(argv[1], "help") == 0)
		return help(argc > 2 ? argv[2] : NULL);
	if (strcmp(argv[1], "--list-options") == 0) {
		print_options(stdout);
		return STATUS_OK;
	}
	command = command_find(argv[1]);
	if (!command)
		return complain_about(argv[1]);
	if (asks_for_help(command, argc - 1, argv + 1))
		return help(command->name);
	return command->run(command, argc - 1, argv + 1);
}
