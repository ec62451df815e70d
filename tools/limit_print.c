/* SPDX-License-Identifier: Apache-2.0 */
/* limit_print.c - see limit_print.h. Tier C. */
#include "limit_print.h"

#include <string.h>

enum { TEXT_COLUMNS = 100 };

/* Breaks lines between words. The first line is indented already. */
static void print_wrapped(FILE *out, const char *text, size_t indent)
{
	size_t column = indent;

	while (*text) {
		size_t word = strcspn(text, " ");

		if (column > indent && column + 1 + word > TEXT_COLUMNS) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			fputc(' ', out);
			column++;
		}
		fwrite(text, 1, word, out);
		column += word;
		text += word + strspn(text + word, " ");
	}
	fputc('\n', out);
}

void limit_print_one(FILE *out, const struct limit *limit, bool in_full)
{
	enum { INDENT = 4 };

	fprintf(out, "  %s (%s)\n%*s", limit->name, limit_modes(limit->modes), INDENT, "");
	print_wrapped(out, limit->what, INDENT);
	if (!in_full)
		return;
	fprintf(out, "%*s", INDENT, "");
	print_wrapped(out, limit->why, INDENT);
	fprintf(out, "%*s-> ", INDENT, "");
	print_wrapped(out, limit->instead, INDENT + 3);
}

void limit_print_text(FILE *out, bool in_full)
{
	for (size_t i = 0; i < LIMITS; i++)
		limit_print_one(out, limits + i, in_full);
}

/* The sections of the document: a limit that concerns several ways of recording stands once. */
enum section { SECTION_BOTH, SECTION_PRELOADING, SECTION_ATTACHING, SECTIONS };

static enum section section_of(const struct limit *limit)
{
	if (!(limit->modes & MODES_ATTACHING))
		return SECTION_PRELOADING;
	return limit->modes & MODE_PRELOADING ? SECTION_BOTH : SECTION_ATTACHING;
}

static void print_entry(FILE *out, const struct limit *limit)
{
	const char *only = limit->modes == MODE_PROBES    ? " By eBPF only."
			   : limit->modes == MODE_POLLING ? " By polling only."
							  : "";

	fprintf(out, "\n### %s\n\n%s%s\n\n- Why: %s\n- What to do: %s.\n", limit->name, limit->what,
		only, limit->why, limit->instead);
	if (limit->check)
		fprintf(out, "- Checked by `holter doctor`: \"%s\".\n", limit->check);
}

void limit_print_markdown(FILE *out)
{
	static const char *const titles[SECTIONS] = {
		[SECTION_BOTH] = "In any case",
		[SECTION_PRELOADING] = "Recording by preload (`holter run`, `LD_PRELOAD`)",
		[SECTION_ATTACHING] = "Attaching from outside (`holter attach`)",
	};

	fputs("<!-- SPDX-License-Identifier: Apache-2.0 -->\n"
	      "<!-- Printed by `holter doctor --limits --markdown` from tools/limit.c. -->\n\n"
	      "# What Holter cannot see\n\n"
	      "`holter doctor` says what of this holds for a machine, and `holter doctor -p PID` "
	      "for a process.\nA report says \"not observed\", never \"no problem\".\n",
		out);
	for (enum section section = 0; section < SECTIONS; section++) {
		fprintf(out, "\n## %s\n", titles[section]);
		for (size_t i = 0; i < LIMITS; i++) {
			if (section_of(limits + i) == section)
				print_entry(out, limits + i);
		}
	}
}

void limit_print_json(struct json_writer *json, const struct limit *limit)
{
	json_writer_open_object(json, NULL);
	json_writer_text(json, "name", limit->name);
	json_writer_text(json, "modes", limit_modes(limit->modes));
	json_writer_text(json, "what", limit->what);
	json_writer_text(json, "why", limit->why);
	json_writer_text(json, "advice", limit->instead);
	json_writer_text(json, "check", limit->check);
	json_writer_close_object(json);
}
