/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_writer.h - writes JSON as a stream: commas, indentation and escapes are its business, the
 * order of members the caller's. Text may hold anything: what is no UTF-8 becomes U+FFFD, what is
 * not to be seen is escaped, and '<', '>', '&' and the like stay harmless in a page's script
 * element (hazard 50).
 *
 * Tier C. Data: calls -> stream.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { JSON_DEPTH_MAX = 16 };

struct json_writer {
	FILE *out;
	unsigned depth;
	bool filled[JSON_DEPTH_MAX];  /* something stands at this depth already */
	bool inlined[JSON_DEPTH_MAX]; /* members of this depth share one line */
};

void json_writer_init(struct json_writer *json, FILE *out);
/* Members have a name; elements of an array, and the outermost value, have null. */
void json_writer_open_object(struct json_writer *json, const char *name);
void json_writer_close_object(struct json_writer *json);
void json_writer_open_array(struct json_writer *json, const char *name);
void json_writer_close_array(struct json_writer *json);
void json_writer_text(
	struct json_writer *json, const char *name, const char *text); /* null: null */
void json_writer_integer(struct json_writer *json, const char *name, uint64_t value);
/* Rounded to `digits` after the point; what is no number becomes null. */
void json_writer_number(struct json_writer *json, const char *name, double value, int digits);
void json_writer_null(struct json_writer *json, const char *name);
/* Like json_writer_open_object, with its members on one line. */
void json_writer_open_row(struct json_writer *json, const char *name);
