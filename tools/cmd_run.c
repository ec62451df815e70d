/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_run.c - `holter run -- PROGRAM`: starts a server with the preload library and becomes it
 * (execve), so that pid, signals and exit status are the server's own. Whatever is wrong with the
 * recording is said in one line, and the server runs on without it.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "destination.h"
#include "library.h"
#include "target.h"

enum {
	OPTION_OUTPUT,
	OPTION_DIR,
	OPTION_THRESHOLD,
	OPTION_INTERVAL,
	OPTION_MAX_SIZE,
	OPTION_NO_SIGNALS,
};

static const struct command_option options[] = {
	[OPTION_OUTPUT] = {"output", 'o', "FILE",
		"write the recording to FILE (a recording that is there is replaced)"},
	[OPTION_DIR] = {"dir", 'd', "DIR", "write recordings to DIR as HOST-START-PID.holter"},
	[OPTION_THRESHOLD] = {"threshold", 't', "MS",
		"a turn of the loop that takes longer is a stall (50)"},
	[OPTION_INTERVAL] = {"interval", 'i', "MS",
		"time between samples of one stall, at first (10)"},
	[OPTION_MAX_SIZE] = {"max-size", 's', "SIZE",
		"size of a recording, both halves together (64M)"},
	[OPTION_NO_SIGNALS] = {"no-signals", 0, NULL,
		"send no signal: only sleeping threads are sampled"},
	{0},
};

static const char *const variables[] = {
	[OPTION_OUTPUT] = "HOLTER_OUT",
	[OPTION_DIR] = "HOLTER_DIR",
	[OPTION_THRESHOLD] = "HOLTER_THRESHOLD_MS",
	[OPTION_INTERVAL] = "HOLTER_INTERVAL_MS",
	[OPTION_MAX_SIZE] = "HOLTER_MAX_SIZE",
	[OPTION_NO_SIGNALS] = "HOLTER_NO_SIGNALS",
};

/* What the library takes (src/preload/settings.c). */
enum { MS_MAX = 3600000, SIZE_LEAST = 256 << 10 };
static const uint64_t SIZE_MOST = UINT64_C(1) << 50;

static bool is_ms(const char *value)
{
	char *end;
	unsigned long ms = strtoul(value, &end, 10);

	return isdigit((unsigned char)*value) && !*end && ms >= 1 && ms <= MS_MAX;
}

static bool is_size(const char *value)
{
	static const char units[] = "KMG";
	char *end;
	uint64_t size = strtoull(value, &end, 10);
	const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;

	if (!isdigit((unsigned char)*value) || (*end && (!unit || end[1])))
		return false;
	if (unit && __builtin_mul_overflow(size, UINT64_C(1) << 10 * (unit - units + 1), &size))
		return false;
	return size >= SIZE_LEAST && size <= SIZE_MOST;
}

/* Reads the options into the environment. Returns an exit status, or -1 to go on. */
static int take_options(const struct command *command, int argc, char **argv)
{
	const char *value;
	int option;

	while ((option = command_next_option(command, argc, argv, &value)) >= 0) {
		/* A server may change its folder: its recording must not move with it. */
		char *path = option == OPTION_OUTPUT || option == OPTION_DIR
				     ? destination_absolute(value)
				     : NULL;

		if ((option == OPTION_THRESHOLD || option == OPTION_INTERVAL) && !is_ms(value)) {
			complain("--%s needs milliseconds from 1 to %d, not '%s'",
				options[option].name, MS_MAX, value);
			return STATUS_USAGE;
		}
		if (option == OPTION_MAX_SIZE && !is_size(value)) {
			complain("--max-size needs a size such as 64M, from 256K on, not '%s'",
				value);
			return STATUS_USAGE;
		}
		setenv(variables[option], path ? path : value ? value : "1", 1);
		free(path);
	}
	return option == -2 ? STATUS_USAGE : -1;
}

static void preload(const char *library)
{
	const char *others = getenv("LD_PRELOAD");
	char *all = NULL;

	if (others && *others && asprintf(&all, "%s:%s", library, others) > 0)
		library = all;
	setenv("LD_PRELOAD", library, 1);
	free(all);
}

static int run(const struct command *command, int argc, char **argv)
{
	char program[PATH_MAX], why[512];
	const char *library, *out, *folder;
	int status = take_options(command, argc, argv), error;

	if (status >= 0)
		return status;
	if (optind == argc) {
		complain("run: no program given; try: holter run -- node server.js");
		return STATUS_USAGE;
	}
	if (!target_find(argv[optind], program, sizeof(program))) {
		complain("cannot run %s: not found, or not executable", argv[optind]);
		return STATUS_FAILED;
	}
	library = library_path();
	out = getenv("HOLTER_OUT");
	folder = getenv("HOLTER_DIR");
	if (!library)
		complain("no recording: libholter.so was not found beside this program; install "
			 "Holter again");
	else if (target_check(program, why, sizeof(why)))
		complain("no recording: %s", why);
	else if (out && *out ? destination_prepare(out)
			     : !folder || !*folder || destination_folder(folder))
		preload(library);
	fflush(NULL);
	execv(program, argv + optind);
	error = errno;
	complain("cannot run %s: %s", argv[optind], strerror(error));
	return STATUS_FAILED;
}

const struct command command_run = {
	.name = "run",
	.summary = "start a server and record it",
	.usage = "[OPTION...] -- PROGRAM [ARGUMENT...]",
	.details = "Starts PROGRAM with Holter's preload library. The process becomes PROGRAM: "
		   "pid, signals and exit\n"
		   "status are its own. Without -o the recording goes to HOLTER_DIR, else "
		   "$XDG_STATE_HOME/holter, else a\n"
		   "private folder under the system's temporary folder. If nothing can be "
		   "recorded, one line says why\n"
		   "and PROGRAM runs all the same. Child processes have recordings of their own "
		   "(FILE.PID) once they wait\n"
		   "in a loop.",
	.examples = "  holter run -o server.holter -- node server.js\n"
		    "  holter run --threshold 20 -- redis-server --port 6379\n"
		    "  holter diagnose server.holter",
	.options = options,
	.runs_a_program = true,
	.run = run,
};
