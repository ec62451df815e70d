/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_flame.c - `holter flame`: draws what held the loops.
 *
 * Tier C. Data: a recording -> an SVG file.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "command.h"
#include "load.h"
#include "render.h"

enum { OPTION_OF, OPTION_OUTPUT, OPTION_TITLE, OPTION_SYMBOLS, OPTION_SOURCES };

static const struct command_option options[] = {
	[OPTION_OF] = {"of", 0, "WHAT",
		"stall: all time of the stalls (the default); block: asleep; cpu: on a CPU"},
	[OPTION_OUTPUT] = {"output", 'o', "FILE",
		"write to FILE, - for standard output (the recording's name with .svg)"},
	[OPTION_TITLE] = {"title", 0, "TEXT", "a heading of your own"},
	[OPTION_SYMBOLS] = {"symbols", 0, "DIR",
		"look for executables and libraries below DIR first"},
	[OPTION_SOURCES] = {"sources", 0, "DIR",
		"look for scripts and source maps below DIR first"},
	{NULL, 0, NULL, NULL},
};

static const char *const whats[] = {
	[FLAME_STALL] = "stall",
	[FLAME_BLOCK] = "block",
	[FLAME_CPU] = "cpu",
};

static int parse_of(const char *text, enum flame_of *ret)
{
	for (size_t i = 0; i < sizeof(whats) / sizeof(whats[0]); i++) {
		if (strcmp(text, whats[i]) == 0) {
			*ret = (enum flame_of)i;
			return 0;
		}
	}
	complain("flame: --of %s: it is one of stall, block, cpu", text);
	return -EINVAL;
}

/* "a/shop.holter" -> "a/shop.svg", in memory of the caller's; null: out of memory. */
static char *derive_output(const char *path)
{
	static const char suffix[] = ".holter";
	size_t length = strlen(path);
	char *output;

	if (length > strlen(suffix) && strcmp(path + length - strlen(suffix), suffix) == 0)
		length -= strlen(suffix);
	return asprintf(&output, "%.*s.svg", (int)length, path) < 0 ? NULL : output;
}

static bool is_same_file(const char *one, const char *other)
{
	struct stat left, right;

	return !stat(one, &left) && !stat(other, &right) && left.st_dev == right.st_dev &&
	       left.st_ino == right.st_ino;
}

/*
 * The picture is made in memory first, so that nothing half done is left behind, and a FILE that
 * exists stays if there is nothing to draw. Returns an exit status.
 */
static int write_picture(
	struct recording *recording, const struct flame_options *flame, const char *output)
{
	char *picture = NULL;
	size_t length = 0;
	FILE *memory = open_memstream(&picture, &length), *out = stdout;
	int error, status = STATUS_OK;

	if (!memory) {
		complain("flame: out of memory");
		return STATUS_FAILED;
	}
	error = render_flame_svg(memory, recording, flame);
	if (fclose(memory) != 0 && !error)
		error = -ENOMEM;
	if (error == -ENODATA) {
		complain("flame: nothing to draw: the recording has no sample of that kind (--of "
			 "%s)",
			whats[flame->of]);
		free(picture);
		return STATUS_FAILED;
	}
	if (!error && strcmp(output, "-") != 0)
		out = fopen(output, "we");
	if (!error && (!out || fwrite(picture, 1, length, out) != length))
		error = -errno;
	if (out && (out == stdout ? fflush(out) : fclose(out)) != 0 && !error)
		error = -errno;
	if (error) {
		complain("flame: %s: cannot be written: %s", output, strerror(-error));
		status = error == -EACCES || error == -EPERM ? STATUS_PERMISSION : STATUS_FAILED;
	}
	free(picture);
	return status;
}

static int run(const struct command *command, int argc, char **argv)
{
	struct flame_options flame = {.of = FLAME_STALL};
	struct load_options load = {0};
	const char *value, *output = NULL;
	struct recording *recording;
	char *derived = NULL;
	int option, status;

	while ((option = command_next_option(command, argc, argv, &value)) != -1) {
		switch (option) {
		case OPTION_OF:
			if (parse_of(value, &flame.of))
				return STATUS_USAGE;
			break;
		case OPTION_OUTPUT:
			output = value;
			break;
		case OPTION_TITLE:
			flame.title = value;
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
		complain("flame: one recording is needed: try 'holter help flame'");
		return STATUS_USAGE;
	}
	status = load_recording(&recording, argv[optind], &load);
	if (status != STATUS_OK)
		return status;
	if (!output)
		output = derived = derive_output(argv[optind]);
	if (!output) {
		complain("flame: out of memory");
		status = STATUS_FAILED;
	} else if (is_same_file(output, argv[optind])) {
		complain("flame: %s is the recording itself: name another file with --output",
			output);
		status = STATUS_USAGE;
	} else {
		status = write_picture(recording, &flame, output);
	}
	free(derived);
	recording_free(recording);
	return status;
}

const struct command command_flame = {
	.name = "flame",
	.summary = "draw a recording as a flame graph",
	.usage = "[OPTION...] FILE",
	.details = "Writes one SVG file that any browser and most viewers show. In a browser: "
		   "click to zoom, / to search,\n"
		   "arrows and Enter to move and zoom, Escape to show everything again. Width is "
		   "time; the title says of\n"
		   "what.",
	.examples = "  holter flame shop.holter -o shop.svg\n"
		    "  holter flame shop.holter --of block -o - > block.svg",
	.options = options,
	.run = run,
};
