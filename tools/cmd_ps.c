/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_ps.c - `holter ps`: the processes that have an event loop, and what they are.
 *
 * Tier C. Data: processes.h, process_identity.h -> a table or JSON on standard output.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "glyph.h"
#include "json_writer.h"
#include "process_identity.h"
#include "processes.h"
#include "render.h"

static const struct command_option options[] = {
	{"all", 'a', NULL, "every process that waits for events, shells and the like included"},
	{"json", 0, NULL, "print one JSON object"},
	{NULL, 0, NULL, NULL},
};

enum { OPTION_ALL, OPTION_JSON };

enum column {
	COLUMN_PID,
	COLUMN_USER,
	COLUMN_RUNTIME,
	COLUMN_LOOPS,
	COLUMN_PORTS,
	COLUMN_CONTAINER,
	COLUMN_RECORDING,
	COLUMN_NAME,
	COLUMNS,
};

static const char *const titles[COLUMNS] = {
	"PID", "USER", "RUNTIME", "LOOPS", "PORTS", "CONTAINER", "RECORDING", "NAME"};

enum { PORTS_SHOWN = 4 };

struct row {
	char *cells[COLUMNS]; /* owned; null: out of memory */
};

/* What is printed is text that is owned; "-" stands for nothing. */
static char *make_cell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static char *make_cell(const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	if (text && !text[0]) {
		free(text);
		text = strdup("-");
	}
	return text;
}

static size_t count_busy(const struct process *process)
{
	size_t busy = 0;

	for (size_t i = 0; i < process->loop_count; i++)
		busy += !process->loops[i].wait;
	return busy;
}

/* "80,443,unix"; "…" at the end: there are, or may be, more. */
static char *make_ports(const struct process *process)
{
	char text[64] = "";
	size_t length = 0, shown = 0;
	bool more = process->more;
	uint16_t last = 0;

	/* They stand in the order of their ports, unix sockets last. */
	for (size_t i = 0; i < process->listening_count; i++) {
		const struct listener *listener = process->listening + i;

		if (i > 0 && listener->port == last)
			continue;
		last = listener->port;
		if (shown == PORTS_SHOWN) {
			more = true;
			break;
		}
		length += (size_t)snprintf(text + length, sizeof(text) - length,
			last ? "%s%u" : "%sunix", shown ? "," : "", last);
		shown++;
	}
	if (more)
		snprintf(text + length, sizeof(text) - length, "%s…", shown ? "," : "");
	return make_cell("%s", text);
}

static char *make_recording(const struct process_identity *identity)
{
	switch (identity->recording) {
	case PROCESS_RECORDS_ITSELF:
		return make_cell("%s", identity->file[0] ? identity->file : "by itself");
	case PROCESS_ATTACHED:
		return make_cell("attached by %d", (int)identity->tool);
	case PROCESS_NOT_RECORDED:
		break;
	}
	return make_cell("-");
}

/* Node 24 calls its main thread "MainThread", 26 "node-MainThread", unless the program sets a
 * title. */
static const char *title_of(const struct process *process, const struct process_identity *identity)
{
	const char *word = strstr(process->name, "MainThread");

	if (word && !word[strlen("MainThread")] && identity->names.program[0])
		return process_base_name(identity->names.program);
	return process->name;
}

static void make_row(
	const struct process *process, const struct process_identity *identity, struct row *ret)
{
	const char *name = title_of(process, identity);
	size_t busy = count_busy(process);
	char container[128];

	container_describe(&identity->container, container, sizeof(container));
	ret->cells[COLUMN_PID] = make_cell("%d", (int)process->pid);
	ret->cells[COLUMN_USER] = make_cell("%s", identity->user);
	ret->cells[COLUMN_RUNTIME] =
		make_cell("%s%s", identity->runtime, identity->guessed ? "?" : "");
	ret->cells[COLUMN_LOOPS] = busy ? make_cell("%zu, %zu busy", process->loop_count, busy)
					: make_cell("%zu", process->loop_count);
	ret->cells[COLUMN_PORTS] = make_ports(process);
	ret->cells[COLUMN_CONTAINER] = make_cell("%s", container);
	ret->cells[COLUMN_RECORDING] = make_recording(identity);
	ret->cells[COLUMN_NAME] = make_cell(
		"%s%s%s", name, identity->names.script[0] ? " " : "", identity->names.script);
}

static const char *cell(const struct row *row, enum column column)
{
	return row->cells[column] ? row->cells[column] : "?";
}

static void print_row(const struct row *row, const size_t *widths)
{
	for (enum column column = 0; column < COLUMNS; column++) {
		const char *text = cell(row, column);

		render_quoted(stdout, text);
		if (column + 1 < COLUMNS)
			printf("%*s", (int)(widths[column] - glyph_text_columns(text) + 2), "");
	}
	putchar('\n');
}

/* Returns 0 or -ENOMEM. */
static int print_table(const struct processes *processes, const struct claims *claims,
	bool (*shown)(const struct process *))
{
	struct row *rows = calloc(processes->count + 1, sizeof(*rows)), head;
	size_t widths[COLUMNS], count = 0;

	if (!rows)
		return -ENOMEM;
	for (enum column column = 0; column < COLUMNS; column++) {
		head.cells[column] = (char *)titles[column];
		widths[column] = strlen(titles[column]);
	}
	for (size_t i = 0; i < processes->count; i++) {
		struct process_identity identity;

		if (!shown(processes->entries + i))
			continue;
		process_identify(processes->entries + i, claims, &identity);
		make_row(processes->entries + i, &identity, rows + count);
		for (enum column column = 0; column < COLUMNS; column++) {
			size_t width = glyph_text_columns(cell(rows + count, column));

			widths[column] = width > widths[column] ? width : widths[column];
		}
		count++;
	}
	print_row(&head, widths);
	for (size_t i = 0; i < count; i++) {
		print_row(rows + i, widths);
		for (enum column column = 0; column < COLUMNS; column++)
			free(rows[i].cells[column]);
	}
	free(rows);
	return 0;
}

static void write_loops(struct json_writer *json, const struct process *process)
{
	char does[64];

	json_writer_open_array(json, "loops");
	for (size_t i = 0; i < process->loop_count; i++) {
		const struct thread *thread = process->loops + i;

		thread_describe(thread, does, sizeof(does));
		json_writer_open_row(json, NULL);
		json_writer_integer(json, "tid", (uint64_t)thread->tid);
		json_writer_text(json, "thread", thread->name);
		json_writer_text(json, "waits_by", thread_wait_name(thread->wait));
		json_writer_text(json, "now", does);
		json_writer_close_object(json);
	}
	json_writer_close_array(json);
}

static void write_listening(struct json_writer *json, const struct process *process)
{
	json_writer_open_array(json, "listening");
	for (size_t i = 0; i < process->listening_count; i++) {
		const struct listener *listener = process->listening + i;

		json_writer_open_row(json, NULL);
		if (listener->port)
			json_writer_integer(json, "port", listener->port);
		else
			json_writer_null(json, "port");
		json_writer_text(json, "address", listener->address);
		json_writer_close_object(json);
	}
	json_writer_close_array(json);
	json_writer_text(json, "listening_known", process->more ? "part" : "all");
}

static void write_container(struct json_writer *json, const struct container *container)
{
	if (!container->inside) {
		json_writer_null(json, "container");
		return;
	}
	json_writer_open_row(json, "container");
	json_writer_text(json, "runtime", container->runtime[0] ? container->runtime : NULL);
	json_writer_text(json, "name", container->name[0] ? container->name : NULL);
	if (container->pid)
		json_writer_integer(json, "pid", (uint64_t)container->pid);
	else
		json_writer_null(json, "pid");
	json_writer_close_object(json);
}

static void write_recording(struct json_writer *json, const struct process_identity *identity)
{
	if (identity->recording == PROCESS_NOT_RECORDED) {
		json_writer_null(json, "recording");
		return;
	}
	json_writer_open_row(json, "recording");
	if (identity->recording == PROCESS_RECORDS_ITSELF) {
		json_writer_text(json, "mode", "preload");
		json_writer_text(json, "file", identity->file[0] ? identity->file : NULL);
	} else {
		json_writer_text(json, "mode", "attach");
		json_writer_text(json, "file", NULL);
	}
	if (identity->tool)
		json_writer_integer(json, "attached_by", (uint64_t)identity->tool);
	else
		json_writer_null(json, "attached_by");
	json_writer_close_object(json);
}

static void write_process(struct json_writer *json, const struct process *process,
	const struct process_identity *identity)
{
	const struct process_names *names = &identity->names;

	json_writer_open_object(json, NULL);
	json_writer_integer(json, "pid", (uint64_t)process->pid);
	json_writer_integer(json, "parent", (uint64_t)process->parent);
	json_writer_text(json, "name", process->name);
	json_writer_text(json, "program", names->program[0] ? names->program : NULL);
	json_writer_text(json, "script", names->script[0] ? names->script : NULL);
	json_writer_text(json, "user", identity->user[0] ? identity->user : NULL);
	json_writer_text(json, "runtime", identity->runtime);
	json_writer_text(json, "runtime_by",
		!identity->runtime[0] ? NULL
		: identity->guessed   ? "name"
				      : "memory");
	write_loops(json, process);
	write_listening(json, process);
	write_container(json, &identity->container);
	write_recording(json, identity);
	json_writer_close_object(json);
}

static void print_json(const struct processes *processes, const struct claims *claims,
	bool (*shown)(const struct process *))
{
	struct json_writer json;

	json_writer_init(&json, stdout);
	json_writer_open_object(&json, NULL);
	json_writer_text(&json, "holter", HOLTER_VERSION);
	json_writer_open_array(&json, "processes");
	for (size_t i = 0; i < processes->count; i++) {
		struct process_identity identity;

		if (!shown(processes->entries + i))
			continue;
		process_identify(processes->entries + i, claims, &identity);
		write_process(&json, processes->entries + i, &identity);
	}
	json_writer_close_array(&json);
	json_writer_open_row(&json, "not_looked_at");
	json_writer_integer(&json, "count", processes->hidden);
	json_writer_text(&json, "why", processes->hidden ? "permission" : NULL);
	json_writer_close_object(&json);
	json_writer_close_object(&json);
}

static bool has_loop(const struct process *process)
{
	return process->loop_count > 0;
}

static int print(const struct command *command, bool all, bool as_json)
{
	bool (*shown)(const struct process *) = all ? has_loop : process_serves;
	struct processes processes;
	struct claims claims = {0};
	char wanted[64];
	int result = processes_load(&processes, PROCESSES_QUICK);

	if (result == 0) {
		claims_load(&claims); /* without unix sockets there are none */
		if (as_json)
			print_json(&processes, &claims, shown);
		else
			result = print_table(&processes, &claims, shown);
	}
	if (result < 0) {
		complain("%s: /proc cannot be read: %s", command->name, strerror(-result));
	} else if (processes.hidden && !as_json) {
		fflush(stdout);
		complain("%s: %zu processes may not be inspected: run as root, or with %s, to see "
			 "them",
			command->name, processes.hidden, processes_want(wanted, sizeof(wanted)));
	}
	claims_done(&claims);
	processes_done(&processes);
	return result < 0 ? STATUS_FAILED : command_finish(command);
}

static int run(const struct command *command, int argc, char **argv)
{
	bool all = false, as_json = false;
	const char *value;
	int option;

	while ((option = command_next_option(command, argc, argv, &value)) >= 0) {
		all |= option == OPTION_ALL;
		as_json |= option == OPTION_JSON;
	}
	if (option == -2)
		return STATUS_USAGE;
	if (optind != argc) {
		complain("ps: takes no operand: try 'holter help ps'");
		return STATUS_USAGE;
	}
	return print(command, all, as_json);
}

const struct command command_ps = {
	.name = "ps",
	.summary = "list the processes that have an event loop",
	.usage = "[--all] [--json]",
	.details = "A process is listed if one of its threads waits for events at this moment, by "
		   "epoll, or by poll or\n"
		   "select where the process listens on a socket; or if its loop is busy. PID is "
		   "what -p takes. A question\n"
		   "mark stands behind a runtime that is only guessed from the program's name. The "
		   "processes are not\n"
		   "touched.",
	.examples = "  holter ps\n"
		    "  sudo holter ps --json",
	.options = options,
	.run = run,
};
