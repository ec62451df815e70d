/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_run.c - `holter run -- PROGRAM`: starts a server with the preload library and becomes it
 * (execve), so that pid, signals and exit status are the server's own. Whatever is wrong with the
 * recording is said in one line, and the server runs on without it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "command.h"
#include "library.h"
#include "target.h"

enum { ROOM_BYTES = 1 << 20 }; /* less free space than this is as good as none */

static const struct command_option options[] = {
	{"output", 'o', "FILE",
		"write the recording to FILE (a recording that is there is replaced)"},
	{"dir", 'd', "DIR", "write recordings to DIR as HOST-START-PID.holter"},
	{"threshold", 't', "MS", "a turn of the loop that takes longer is a stall (50)"},
	{"interval", 'i', "MS", "time between samples of one stall, at first (10)"},
	{"max-size", 's', "SIZE", "size of a recording, both halves together (64M)"},
	{"no-signals", 0, NULL, "send no signal: only sleeping threads are sampled"},
	{0},
};

/* The variable of each option, in the same order. */
static const char *const variables[] = {
	"HOLTER_OUT",
	"HOLTER_DIR",
	"HOLTER_THRESHOLD_MS",
	"HOLTER_INTERVAL_MS",
	"HOLTER_MAX_SIZE",
	"HOLTER_NO_SIGNALS",
};

/* A server may change its folder: its recording must not move with it. */
static char *absolute(const char *path)
{
	char folder[PATH_MAX], *whole;

	if (*path == '/' || !getcwd(folder, sizeof(folder)))
		return strdup(path);
	return asprintf(&whole, "%s/%s", folder, path) < 0 ? NULL : whole;
}

/* Removes the recording of an earlier run. Anything else of that name stays. Returns 0 or an errno.
 */
static int make_way(const char *path)
{
	static const unsigned char magic[4] = {'H', 'L', 'T', 0xb1};
	unsigned char begin[4];
	struct stat status;
	ssize_t length;
	char *half;
	int fd;

	if (lstat(path, &status))
		return errno == ENOENT ? 0 : errno;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno;
	length = S_ISREG(status.st_mode) ? read(fd, begin, sizeof(begin)) : -1;
	close(fd);
	if (length && (length != sizeof(begin) || memcmp(begin, magic, sizeof(magic))))
		return EEXIST;
	if (asprintf(&half, "%s.1", path) > 0) {
		unlink(half);
		free(half);
	}
	return unlink(path) ? errno : 0;
}

/* A folder that is not there is made, for its owner alone. */
static bool folder_has_room(const char *folder)
{
	struct statvfs space;

	if (access(folder, W_OK | X_OK) && (errno != ENOENT || mkdir(folder, 0700))) {
		complain("no recording: the folder %s: %s; choose another with -o or --dir", folder,
			strerror(errno));
		return false;
	}
	if (!statvfs(folder, &space) && space.f_bavail * space.f_frsize < ROOM_BYTES) {
		complain("no recording: no space is left in %s; make room, or choose another with "
			 "-o or --dir",
			folder);
		return false;
	}
	return true;
}

/* Whether a recording can be written there; says what is wrong. */
static bool output_works(const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int error;

	snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	if (!folder_has_room(folder))
		return false;
	error = make_way(path);
	if (error == EEXIST)
		complain("no recording: %s is there already and is no recording; choose another "
			 "with -o",
			path);
	else if (error)
		complain("no recording: %s: %s; choose another with -o", path, strerror(error));
	return !error;
}

/* Reads the options into the environment. Returns an exit status, or -1 to go on. */
static int take_options(const struct command *command, int argc, char **argv)
{
	const char *value;
	int option;

	while ((option = command_next_option(command, argc, argv, &value)) >= 0) {
		char *path = option < 2 ? absolute(value) : NULL;
		char *end;

		if (option == 2 || option == 3) {
			unsigned long ms = strtoul(value, &end, 10);

			if (*end || end == value || !ms || ms > 3600000) {
				complain("--%s wants milliseconds from 1 to 3600000, not '%s'",
					options[option].name, value);
				return STATUS_USAGE;
			}
		} else if (option == 4) {
			unsigned long long size = strtoull(value, &end, 10);

			if (end == value || !size ||
				(*end && (!strchr("KMGkmg", *end) || end[1]))) {
				complain("--max-size wants a size such as 64M, not '%s'", value);
				return STATUS_USAGE;
			}
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
	else if (out && *out ? output_works(out) : !folder || !*folder || folder_has_room(folder))
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
	.usage = "[OPTION]... -- PROGRAM [ARGUMENT]...",
	.details = "Starts PROGRAM with Holter's preload library. The process becomes PROGRAM: "
		   "pid, signals and exit\n"
		   "status are its own. Without -o the recording goes to HOLTER_DIR, else "
		   "$XDG_STATE_HOME/holter, else a\n"
		   "private folder under the system's temporary folder. If nothing can be "
		   "recorded, one line says why\n"
		   "and PROGRAM runs all the same. Child processes are recorded on their own once "
		   "they listen or loop.",
	.examples = "  holter run -o server.holter -- node server.js\n"
		    "  holter run --threshold 20 -- redis-server --port 6379\n"
		    "  holter diagnose server.holter",
	.options = options,
	.runs_a_program = true,
	.run = run,
};
