/* SPDX-License-Identifier: Apache-2.0 */
/* source_map_token.c - see source_map_token.h. */
#include "source_map_token.h"

#include <ctype.h>
#include <string.h>

enum { BLANKS_MAX = 64 }; /* that part two words; a line may be long, and asked often */

void source_map_cursor_init(struct source_map_cursor *cursor, const char *text, size_t length)
{
	static const char byte_order_mark[] = "\xef\xbb\xbf";
	bool marked = length >= 3 && memcmp(text, byte_order_mark, 3) == 0;

	*cursor = (struct source_map_cursor){.at = text + (marked ? 3 : 0), .end = text + length};
	cursor->line_begin = cursor->at;
}

/* The length of the line's end that stands here, as ECMAScript has it; 0: none does. */
static size_t line_end(const char *at, const char *end)
{
	if (*at == '\n')
		return 1;
	if (*at == '\r')
		return end - at > 1 && at[1] == '\n' ? 2 : 1;
	/* U+2028 and U+2029 */
	return end - at >= 3 && memcmp(at, "\xe2\x80", 2) == 0 && (at[2] & ~1) == (char)0xa8 ? 3
											     : 0;
}

/* The UTF-16 units that a byte of UTF-8 begins. */
static uint32_t units_of(char byte)
{
	unsigned char c = (unsigned char)byte;

	return (c & 0xc0) == 0x80 ? 0 : c >= 0xf0 ? 2 : 1;
}

bool source_map_cursor_move(struct source_map_cursor *cursor, uint32_t line, uint32_t column)
{
	while (cursor->at < cursor->end &&
		(cursor->line < line || (cursor->line == line && cursor->column < column))) {
		size_t ending = line_end(cursor->at, cursor->end);

		if (ending && cursor->line == line)
			return false;
		if (ending) {
			cursor->at += ending;
			cursor->line_begin = cursor->at;
			cursor->line++;
			cursor->column = 0;
			continue;
		}
		cursor->column += units_of(*cursor->at++);
	}
	/* The bytes that follow the first of a character belong to it. */
	while (cursor->at < cursor->end && units_of(*cursor->at) == 0)
		cursor->at++;
	return cursor->line == line && cursor->column == column;
}

static bool is_identifier(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$' || c == '#' || (c & 0x80);
}

static const char *skip_blanks(const char *begin, const char *at)
{
	for (int i = 0; i < BLANKS_MAX && at > begin && (at[-1] == ' ' || at[-1] == '\t'); i++)
		at--;
	return at;
}

/* Moves back over a word that ends at *at, if it is this one and stands for itself. */
static bool skip_word(const char *begin, const char **at, const char *word)
{
	size_t length = strlen(word);
	const char *before;

	if ((size_t)(*at - begin) < length)
		return false;
	before = *at - length;
	if (memcmp(before, word, length) != 0 || (before > begin && is_identifier(before[-1])))
		return false;
	*at = before;
	return true;
}

bool source_map_token_find(
	const struct source_map_cursor *cursor, const char *name, uint32_t *ret_column)
{
	const char *begin = cursor->line_begin, *at = skip_blanks(begin, cursor->at);
	uint32_t units = 0;

	/* A path ("exports.a") is several names. */
	if (name[0] == '\0' || strchr(name, '.'))
		return false;
	if (!skip_word(begin, &at, name)) {
		/* An expression, named after what it is assigned to. */
		if (at > begin && at[-1] == '*')
			at = skip_blanks(begin, at - 1);
		if (skip_word(begin, &at, "function"))
			at = skip_blanks(begin, at);
		if (skip_word(begin, &at, "async"))
			at = skip_blanks(begin, at);
		if (at == begin || (at[-1] != '=' && at[-1] != ':'))
			return false;
		at = skip_blanks(begin, at - 1);
		if (!skip_word(begin, &at, name))
			return false;
	}
	for (; at < cursor->at; at++)
		units += units_of(*at);
	*ret_column = cursor->column - units;
	return true;
}
