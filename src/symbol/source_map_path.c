/* SPDX-License-Identifier: Apache-2.0 */
/* source_map_path.c - see source_map_path.h. */
#include "source_map_path.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char file_scheme[] = "file://";
static const char webpack_scheme[] = "webpack://";
static const char webpack_internal_scheme[] = "webpack-internal://";

enum { FOLDERS_ABOVE_MAX = 8 }; /* in which webpack's sources are looked for */

/* What stands behind a prefix, or null. */
static const char *after(const char *text, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

/* The length of a URL's scheme with its colon ("https:"); 0: it has none. One letter is a drive. */
static size_t scheme_length(const char *text)
{
	size_t length = 0;

	if (!isalpha((unsigned char)text[0]))
		return 0;
	while (isalnum((unsigned char)text[length]) ||
		(text[length] && strchr("+-.", text[length])))
		length++;
	return length > 1 && text[length] == ':' ? length + 1 : 0;
}

bool source_map_path_is_remote(const char *reference)
{
	if (after(reference, file_scheme))
		return false;
	return scheme_length(reference) > 0 || strncmp(reference, "//", 2) == 0;
}

/* The length of the folder of the package that a path lies in, "/app/node_modules/@scope/name"; 0:
 * in none. */
static size_t package_length(const char *path)
{
	static const char folder[] = "/node_modules/";
	const char *name = NULL, *end;

	for (const char *at = path; (at = strstr(at, folder)); at += strlen(folder) - 1)
		name = at + strlen(folder);
	if (!name)
		return 0;
	end = name + strcspn(name, "/");
	if (name[0] == '@' && end[0] == '/')
		end += 1 + strcspn(end + 1, "/");
	return (size_t)(end - path);
}

bool source_map_path_leaves_package(const char *map_folder, const char *path)
{
	size_t length = package_length(map_folder);

	return length > 0 && path[0] == '/' &&
	       (strncmp(path, map_folder, length) != 0 || path[length] != '/');
}

char *source_map_path_folder(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strndup(path, slash && slash > path ? (size_t)(slash - path) : 1);
}

char *source_map_path_join(const char *folder, const char *path)
{
	size_t room = strlen(folder) + strlen(path) + 3, used = 0;
	char *joined = malloc(room), *rest, *part;

	if (!joined)
		return NULL;
	if (path[0] == '/')
		snprintf(joined, room, "%s", path);
	else
		snprintf(joined, room, "%s/%s", folder, path);
	/* What is written never passes what is read. */
	rest = joined;
	while ((part = strsep(&rest, "/"))) {
		size_t length = strlen(part);

		if (length == 0 || strcmp(part, ".") == 0)
			continue;
		if (strcmp(part, "..") == 0) {
			while (used > 0 && joined[--used] != '/')
				;
			continue;
		}
		memmove(joined + used + 1, part, length);
		joined[used] = '/';
		used += length + 1;
	}
	if (used == 0)
		joined[used++] = '/';
	joined[used] = '\0';
	return joined;
}

static int hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t source_map_path_decode(char *text, size_t length)
{
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		bool whole = text[i] == '%' && i + 2 < length;
		int high = whole ? hex_of(text[i + 1]) : -1, low = whole ? hex_of(text[i + 2]) : -1;

		if (high >= 0 && low >= 0) {
			text[used++] = (char)(high << 4 | low);
			i += 2;
		} else {
			text[used++] = text[i];
		}
	}
	return used;
}

/* The path of a file URL ("file:///app/a%20b", "file://localhost/app"), or null if it has none. */
static char *path_of_file_url(const char *behind_scheme)
{
	const char *slash = strchr(behind_scheme, '/');
	char *decoded = strdup(slash ? slash : "/"), *path;

	if (!decoded)
		return NULL;
	decoded[source_map_path_decode(decoded, strlen(decoded))] = '\0';
	path = source_map_path_join("/", decoded);
	free(decoded);
	return path;
}

char *source_map_path_of_map(const char *folder, const char *reference, size_t length)
{
	char *copy = strndup(reference, length), *path;
	const char *behind;

	if (!copy)
		return NULL;
	copy[strcspn(copy, "?#")] = '\0';
	behind = after(copy, file_scheme);
	if (behind) {
		path = path_of_file_url(behind);
	} else {
		copy[source_map_path_decode(copy, strlen(copy))] = '\0';
		path = source_map_path_join(folder, copy);
	}
	free(copy);
	return path;
}

static bool is_file(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

/*
 * The project's folder is not in the map: it is the one, from the map's own upwards, that has such
 * a file. `path` is relative.
 */
static char *find_in_project(const struct source_map_folders *folders, const char *path)
{
	char *folder = strdup(folders->map), *found = NULL;

	for (int i = 0; folder && i < FOLDERS_ABOVE_MAX && strcmp(folder, "/") != 0; i++) {
		char *above;

		found = source_map_path_join(folder, path);
		if (!found || is_file(found))
			break;
		free(found);
		found = NULL;
		above = source_map_path_folder(folder);
		free(folder);
		folder = above;
	}
	free(folder);
	if (!found && folders->sources) {
		found = source_map_path_join(folders->sources, path);
		if (found && !is_file(found)) {
			free(found);
			found = NULL;
		}
	}
	return found ? found : strdup(path);
}

/* "webpack://app/./src/x.ts?4f2a" -> "src/x.ts", in place; `path` begins behind the scheme. */
static char *strip_webpack(char *path)
{
	char *slash = strchr(path, '/'), *query = strrchr(path, '?');

	/* Versions of one file, as loaders make them, are told apart by a hash. */
	if (query)
		*query = '\0';
	path = slash ? slash + 1 : path;
	while (strncmp(path, "./", 2) == 0)
		path += 2;
	return path;
}

static char *resolve(const struct source_map_folders *folders, char *reference)
{
	const char *behind = after(reference, webpack_scheme);
	char *path;

	if (!behind)
		behind = after(reference, webpack_internal_scheme);
	if (behind) {
		path = strip_webpack(reference + (behind - reference));
		return path[0] == '/' ? source_map_path_join("/", path)
				      : find_in_project(folders, path);
	}
	behind = after(reference, file_scheme);
	if (behind)
		return path_of_file_url(behind);
	if (scheme_length(reference) > 0 || strncmp(reference, "//", 2) == 0)
		return strdup(reference);
	return source_map_path_join(folders->map, reference);
}

char *source_map_path(
	const struct source_map_folders *folders, const char *root, const char *source)
{
	size_t length = strlen(root);
	bool whole = length == 0 || source[0] == '/' || scheme_length(source) > 0;
	char *reference, *path;

	if (asprintf(&reference, "%s%s%s", whole ? "" : root,
		    whole || root[length - 1] == '/' ? "" : "/", source) < 0)
		return NULL;
	path = resolve(folders, reference);
	free(reference);
	return path;
}
