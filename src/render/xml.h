/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xml.h - text from a target inside XML: as an element's text or an attribute's value it stays
 * text, never markup; what XML cannot hold or a reader could not see is made visible (hazard 50).
 *
 * Tier C. Data: text -> stream.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

void xml_text(FILE *out, const char *text);
/* The same, cut to a number of columns; an ellipsis takes the last one. */
void xml_text_cut(FILE *out, const char *text, size_t columns);
