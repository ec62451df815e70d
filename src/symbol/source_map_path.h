/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source_map_path.h - from the references of a source map to paths: its own (the comment at a
 * script's end), and its sources', whose forms are as many as there are bundlers ("../src/x.ts",
 * "webpack://app/./src/x.ts?4f2a", "file:///app/src/x.ts").
 *
 * Tier C. Data: text from a map -> paths, the caller's to free; null: out of memory. Looks whether
 * files exist, and opens none.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Where the sources of a map may lie. */
struct source_map_folders {
	const char *map;     /* absolute: the map's, or for an inline map the script's */
	const char *sources; /* --sources DIR, or null */
};

/*
 * The path of a source. A relative one is relative to the map's folder. One of webpack's is
 * relative to a folder that the map does not name: the first of the map's folder, those above it
 * and DIR that has such a file is taken, else it stays relative. Other URLs stay as they are.
 */
char *source_map_path(
	const struct source_map_folders *folders, const char *root, const char *source);
/*
 * Whether a source's path leaves the package that the map's folder lies in
 * ("/app/node_modules/orm/dist" and "/app/src/orm.ts"): it is of the machine that made the package,
 * and here another file, or none.
 */
bool source_map_path_leaves_package(const char *map_folder, const char *path);
/* Whether a reference leads to another machine, or to nothing that is a file. */
bool source_map_path_is_remote(const char *reference);
/* The absolute path that a script's reference to its map means. `folder`: the script's, absolute.
 */
char *source_map_path_of_map(const char *folder, const char *reference, size_t length);
/* The folder of an absolute path: "/app/x.js" -> "/app", "/x.js" -> "/". */
char *source_map_path_folder(const char *path);
/* FOLDER/PATH without "." and ".."; PATH alone if it is absolute. */
char *source_map_path_join(const char *folder, const char *path);
/* Turns %41 into A, in place. Returns the length. What is no escape stays. */
size_t source_map_path_decode(char *text, size_t length);
