/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source_map_token.h - where the name of a function stands in the code that ran. A source map can
 * say what a function was called before a bundler made its name short, if it is asked at the name;
 * a runtime knows the place of the parameters, and the name stands somewhere before them:
 *
 *     function a(b) {}     a(b) {}     a = (b) => {}     a: async function* (b) {}
 *
 * Tier C, but pure. Data: the text of a script -> columns. The text is hostile. On any doubt no
 * place is named.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A position in a script, moved forward only. Lines and columns count from 0, columns in UTF-16
 * units. */
struct source_map_cursor {
	const char *at, *end, *line_begin;
	uint32_t line, column;
};

void source_map_cursor_init(struct source_map_cursor *cursor, const char *text, size_t length);
/* Moves on to a position at or behind the last one. Returns whether the script has it. */
bool source_map_cursor_move(struct source_map_cursor *cursor, uint32_t line, uint32_t column);
/*
 * The column at which `name` stands, if it is the name of the function whose parameters begin at
 * the cursor, on the same line. Returns whether it is.
 */
bool source_map_token_find(
	const struct source_map_cursor *cursor, const char *name, uint32_t *ret_column);
