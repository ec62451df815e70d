/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limit_print.h - the list of limits for people and programs. Nothing but the table is asked, so
 * that it is the same on every machine.
 *
 * Tier C. Data: limit.h -> stream.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "json_writer.h"
#include "limit.h"

/* One limit, as lines of an indented list: with its reason and advice, or its sentence alone. */
void limit_print_one(FILE *out, const struct limit *limit, bool in_full);
/* All of them, for a terminal. */
void limit_print_text(FILE *out, bool in_full);
/* All of them, as LIMITS.md has them. */
void limit_print_markdown(FILE *out);
/* One limit, as an element of an array. */
void limit_print_json(struct json_writer *json, const struct limit *limit);
