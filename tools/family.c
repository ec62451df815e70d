/* SPDX-License-Identifier: Apache-2.0 */
#include "family.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "FILE.4711", and not "FILE.1", the older half of FILE itself. */
static bool is_relative(const char *path, const char *other)
{
	size_t length = strlen(path);
	const char *number = other + length + 1;

	return strncmp(path, other, length) == 0 && other[length] == '.' && *number &&
	       number[strspn(number, "0123456789")] == '\0' && strcmp(number, "1") != 0;
}

/* A path in which nothing is a pattern. Owned; null: out of memory. */
static char *quoted_pattern(const char *path)
{
	char *pattern = malloc(2 * strlen(path) + sizeof(".*")), *to = pattern;

	if (!pattern)
		return NULL;
	while (*path) {
		*to++ = '\\';
		*to++ = *path++;
	}
	strcpy(to, ".*");
	return pattern;
}

int family_find(struct family *ret, const char *path)
{
	char *pattern = quoted_pattern(path);
	glob_t found = {0};

	*ret = (struct family){0};
	if (!pattern)
		return -ENOMEM;
	if (glob(pattern, 0, NULL, &found) == 0)
		ret->paths = calloc(found.gl_pathc, sizeof(*ret->paths));
	for (size_t i = 0; ret->paths && i < found.gl_pathc; i++) {
		if (is_relative(path, found.gl_pathv[i]))
			ret->paths[ret->count++] = strdup(found.gl_pathv[i]);
	}
	globfree(&found);
	free(pattern);
	return 0;
}

void family_done(struct family *family)
{
	for (size_t i = 0; i < family->count; i++)
		free(family->paths[i]);
	free(family->paths);
}

/* When a recording was observed, UTC. */
static void span_of(const struct recording *recording, int64_t *ret_from, int64_t *ret_to)
{
	*ret_from = (int64_t)recording->first_ns + recording->head.utc_offset_ns;
	*ret_to = (int64_t)recording->last_ns + recording->head.utc_offset_ns;
}

bool family_is_one(const struct recording *left, const struct recording *right)
{
	int64_t left_from, left_to, right_from, right_to;

	span_of(left, &left_from, &left_to);
	span_of(right, &right_from, &right_to);
	return strcmp(left->head.host, right->head.host) == 0 && left_from <= right_to &&
	       right_from <= left_to;
}
