/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qualified_name_rust.c - see qualified_name.h. An angle bracket behind an identifier holds generic
 * arguments and goes; one where a path begins (`<A as B>::f`, `x::<impl B for A>::f`) says which
 * type a function belongs to, and stays.
 */
#include "qualified_name.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

static bool is_identifier(char c)
{
	return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

/* Behind one character, an arrow, or a character in quotes: their brackets are none. */
static const char *behind_piece(const char *in)
{
	if (in[0] == '-' && in[1] == '>')
		return in + 2;
	if (in[0] == '\'' && in[1] && in[2] == '\'')
		return in + 3;
	return in + 1;
}

/* Behind the generic arguments that begin at `in`; null: they never end. */
static const char *behind_arguments(const char *in)
{
	size_t depth = 0;

	for (; *in; in = behind_piece(in)) {
		if (*in == '<')
			depth++;
		else if (*in == '>' && --depth == 0)
			return in + 1;
	}
	return NULL;
}

/* Takes the brackets off a type that is a plain path: `<demo::Conn>::poll`. */
static void unwrap(char *text)
{
	size_t length = 1;

	if (text[0] != '<')
		return;
	while (is_identifier(text[length]) || text[length] == ':')
		length++;
	/* Of a type without a path (`<str>::trim`) the brackets are what is left of it. */
	if (text[length] != '>' || !memchr(text, ':', length))
		return;
	memmove(text, text + 1, length - 1);
	memmove(text + length - 1, text + length + 1, strlen(text + length + 1) + 1);
}

bool qualified_name_rust(const char *text, char *ret)
{
	const char *in = text;
	size_t depth = 0;
	char *out = ret;

	while (*in) {
		const char *next = behind_piece(in);
		bool turbofish = out - ret > 2 && out[-1] == ':' && *in == '<' &&
				 strncmp(in, "<impl ", 6) != 0;

		if (turbofish || (*in == '<' && out > ret && is_identifier(out[-1]))) {
			out -= turbofish ? 2 : 0;
			in = behind_arguments(in);
			if (!in)
				return false;
			continue;
		}
		if (*in == '<')
			depth++;
		if (*in == '>' && depth-- == 0)
			return false;
		memcpy(out, in, (size_t)(next - in));
		out += next - in;
		in = next;
	}
	*out = '\0';
	if (depth == 0)
		unwrap(ret);
	return depth == 0 && out > ret;
}
