/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page.h - what all parts of the verdict for a person are written with: labels, colours, durations,
 * plurals.
 *
 * Tier C. Data: values -> stream.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "recording.h"

#define PAGE_BOLD  "\x1b[1m"
#define PAGE_DIM   "\x1b[2m"
#define PAGE_RESET "\x1b[0m"

struct page {
	FILE *out;
	bool color;
	struct recording *recording;
};

/* Writes an SGR sequence, where colours are wanted. */
void page_style(const struct page *page, const char *sequence);
/* Begins a line of a finding. */
void page_label(const struct page *page, const char *label);
void page_duration(const struct page *page, double ms);
/* "1 turn", "2 turns". */
void page_count(const struct page *page, uint64_t count, const char *noun);
/* ":8", ":8:17" or nothing. */
void page_position(const struct page *page, uint32_t line, uint32_t column);
