/* SPDX-License-Identifier: Apache-2.0 */
/*
 * library.c - see library.h. Relative to the program, so that a tree can be moved or unpacked
 * anywhere.
 *
 * Tier C.
 */
#include "library.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* From the folder of the program. HOLTER_LIBDIR is meson's libdir ("lib/x86_64-linux-gnu"). */
static const char *const places[] = {
	"../" HOLTER_LIBDIR "/holter/libholter.so", "../lib/holter/libholter.so",
	"../src/preload/libholter.so", /* in a build folder */
};

static char found[PATH_MAX];

/* The folder of the running program, with its last '/'. */
static bool own_folder(char folder[PATH_MAX])
{
	ssize_t length = readlink("/proc/self/exe", folder, PATH_MAX - 1);
	char *slash;

	if (length <= 0)
		return false;
	folder[length] = '\0';
	slash = strrchr(folder, '/');
	if (!slash)
		return false;
	slash[1] = '\0';
	return true;
}

const char *library_path(void)
{
	char folder[PATH_MAX], *candidate;

	if (found[0])
		return found;
	if (!own_folder(folder))
		return NULL;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		bool here;

		if (asprintf(&candidate, "%s%s", folder, places[i]) < 0)
			return NULL;
		here = access(candidate, R_OK) == 0 && realpath(candidate, found);
		free(candidate);
		if (here)
			return found;
		found[0] = '\0';
	}
	return NULL;
}
