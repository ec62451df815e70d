/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.c - runs a fuzz target over the files of a folder, as an ordinary test and without a
 * fuzzer.     replay FOLDER
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t input[INPUT_MAX];

static int replay(const char *folder, const char *name)
{
	char path[4096];
	size_t size;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "rb");
	if (!file) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	size = fread(input, 1, sizeof(input), file);
	fclose(file);
	printf("%s: %zu bytes\n", name, size);
	fflush(stdout); /* so that the last line names what crashed */
	LLVMFuzzerTestOneInput(input, size);
	return 0;
}

int main(int argc, char **argv)
{
	DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
	size_t replayed = 0;
	struct dirent *entry;

	if (!folder) {
		fprintf(stderr, "usage: replay FOLDER\n");
		return EXIT_FAILURE;
	}
	while ((entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		if (replay(argv[1], entry->d_name) < 0)
			return EXIT_FAILURE;
		replayed++;
	}
	closedir(folder);
	/* An empty corpus is a mistake, not a success. */
	return replayed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
