/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_writer.c - writes JSON as a stream.
 *
 * Tier C. Data: calls -> stream.
 */
#include "json_writer.h"

#include <math.h>
#include <string.h>

#include "glyph.h"

void json_writer_init(struct json_writer *json, FILE *out)
{
	*json = (struct json_writer){.out = out};
}

static void escape(FILE *out, uint32_t code)
{
	if (code > 0xffff) {
		code -= 0x10000;
		fprintf(out, "\\u%04x\\u%04x", 0xd800 + (code >> 10), 0xdc00 + (code & 0x3ff));
	} else {
		fprintf(out, "\\u%04x", code);
	}
}

static void write_text(FILE *out, const char *text)
{
	struct glyph glyph;

	fputc('"', out);
	while (glyph_next(&glyph, &text)) {
		if (!glyph.valid)
			escape(out, 0xfffd);
		else if (glyph.code == '"' || glyph.code == '\\')
			fprintf(out, "\\%c", (int)glyph.code);
		else if (!glyph.shown || glyph.code == '<' || glyph.code == '>' ||
			 glyph.code == '&')
			escape(out, glyph.code);
		else
			fwrite(glyph.bytes, 1, glyph.length, out);
	}
	fputc('"', out);
}

static void new_line(struct json_writer *json)
{
	fprintf(json->out, "\n%*s", (int)(2 * json->depth), "");
}

static void begin_value(struct json_writer *json, const char *name)
{
	if (json->depth > 0) {
		bool *filled = &json->filled[json->depth];

		if (*filled)
			fputc(',', json->out);
		if (!json->inlined[json->depth])
			new_line(json);
		else if (*filled)
			fputc(' ', json->out);
		*filled = true;
	}
	if (name) {
		write_text(json->out, name);
		fputs(": ", json->out);
	}
}

static void open_value(struct json_writer *json, const char *name, char bracket, bool inlined)
{
	begin_value(json, name);
	fputc(bracket, json->out);
	inlined = inlined || json->inlined[json->depth];
	json->depth++;
	json->filled[json->depth] = false;
	json->inlined[json->depth] = inlined;
}

static void close_value(struct json_writer *json, char bracket)
{
	bool on_lines = json->filled[json->depth] && !json->inlined[json->depth];

	json->depth--;
	if (on_lines)
		new_line(json);
	fputc(bracket, json->out);
	if (json->depth == 0)
		fputc('\n', json->out);
}

void json_writer_open_object(struct json_writer *json, const char *name)
{
	open_value(json, name, '{', false);
}

void json_writer_open_row(struct json_writer *json, const char *name)
{
	open_value(json, name, '{', true);
}

void json_writer_close_object(struct json_writer *json)
{
	close_value(json, '}');
}

void json_writer_open_array(struct json_writer *json, const char *name)
{
	open_value(json, name, '[', false);
}

void json_writer_close_array(struct json_writer *json)
{
	close_value(json, ']');
}

void json_writer_text(struct json_writer *json, const char *name, const char *text)
{
	if (!text) {
		json_writer_null(json, name);
		return;
	}
	begin_value(json, name);
	write_text(json->out, text);
}

void json_writer_integer(struct json_writer *json, const char *name, uint64_t value)
{
	begin_value(json, name);
	fprintf(json->out, "%llu", (unsigned long long)value);
}

void json_writer_number(struct json_writer *json, const char *name, double value, int digits)
{
	if (!isfinite(value)) {
		json_writer_null(json, name);
		return;
	}
	begin_value(json, name);
	fprintf(json->out, "%.*f", digits, value);
}

void json_writer_null(struct json_writer *json, const char *name)
{
	begin_value(json, name);
	fputs("null", json->out);
}
