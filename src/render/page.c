/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page.c - see page.h.
 *
 * Tier C. Data: values -> stream.
 */
#include "page.h"

#include <inttypes.h>

static const double MS_PER_S = 1000;

void page_style(const struct page *page, const char *sequence)
{
	if (page->color)
		fputs(sequence, page->out);
}

void page_label(const struct page *page, const char *label)
{
	page_style(page, PAGE_DIM);
	fprintf(page->out, "  %-10s", label);
	page_style(page, PAGE_RESET);
}

void page_duration(const struct page *page, double ms)
{
	if (ms >= MS_PER_S)
		fprintf(page->out, "%.2f s", ms / MS_PER_S);
	else if (ms >= 1)
		fprintf(page->out, ms >= 10 ? "%.0f ms" : "%.1f ms", ms);
	else
		fprintf(page->out, "%.0f µs", ms * 1000);
}

void page_count(const struct page *page, uint64_t count, const char *noun)
{
	fprintf(page->out, "%" PRIu64 " %s%s", count, noun, count == 1 ? "" : "s");
}

void page_position(const struct page *page, uint32_t line, uint32_t column)
{
	if (line > 0)
		fprintf(page->out, ":%u", line);
	if (line > 0 && column > 0)
		fprintf(page->out, ":%u", column);
}
