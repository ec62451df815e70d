/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flame_svg.c - a flame graph as one SVG file: a picture wherever SVG is shown, and with zoom,
 * search and keyboard where its script may run. Nothing is loaded from anywhere. Every name is
 * escaped text; the script reads names from the document, so that none is ever part of the script
 * (hazard 50). The same recording gives the same bytes.
 *
 * Tier C. Data: recording.samples -> struct flame_tree -> stream.
 */
#include <string.h>

#include "embedded.h"
#include "flame_tree.h"
#include "glyph.h"
#include "render.h"
#include "xml.h"

enum {
	WIDTH = 1200, /* without its script; with it, the window's */
	MARGIN = 12,
	ROW = 18,
	HEAD = 96, /* above the frames: title, subtitle, legend */
	FOOT = 40, /* below them: what is pointed at */
	SHADES = 4,
};

static const double COLUMN = 7.21;   /* pixels of a 12 px monospaced character */
static const double NARROWEST = 0.2; /* pixels; what is narrower is left out and counted */

enum colour {
	COLOUR_APPLICATION,
	COLOUR_DEPENDENCY,
	COLOUR_RUNTIME,
	COLOUR_NATIVE,
	COLOUR_ENGINE,
	COLOUR_UNKNOWN,
	COLOURS
};

static const struct {
	const char *css, *word;
} colours[COLOURS] = {
	[COLOUR_APPLICATION] = {"a", "application"},
	[COLOUR_DEPENDENCY] = {"d", "dependency"},
	[COLOUR_RUNTIME] = {"r", "runtime library"},
	[COLOUR_NATIVE] = {"n", "native library"},
	[COLOUR_ENGINE] = {"e", "language engine"},
	[COLOUR_UNKNOWN] = {"u", "not known"},
};

struct drawing {
	FILE *out;
	struct recording *recording;
	const struct flame_options *options;
	struct flame_tree tree;
	double scale; /* pixels a nanosecond */
	size_t left_out;
	bool used[COLOURS];
};

static enum colour colour_of(const struct drawing *drawing, const struct flame_node *node)
{
	if (!node->frame || node->frame->kind == FRAME_TRUNCATED)
		return COLOUR_UNKNOWN;
	if (frame_is_engine(node->frame, drawing->recording))
		return COLOUR_ENGINE;
	switch (frame_class(node->frame, drawing->recording)) {
	case CLASS_APPLICATION:
		return COLOUR_APPLICATION;
	case CLASS_DEPENDENCY:
		return COLOUR_DEPENDENCY;
	case CLASS_RUNTIME:
		return COLOUR_RUNTIME;
	case CLASS_NATIVE_LIBRARY:
		break;
	}
	return COLOUR_NATIVE;
}

/* Neighbours should differ, and a function look the same everywhere. */
static unsigned shade_of(const char *name)
{
	unsigned hash = 5381;

	for (; *name != '\0'; name++)
		hash = hash * 33 + (unsigned char)*name;
	return (hash ^ (hash >> 7)) % SHADES;
}

static const char *name_of(const struct drawing *drawing, const struct flame_node *node)
{
	if (node == drawing->tree.nodes)
		return "all";
	return node->frame ? frame_name(node->frame, drawing->recording) : "[stack lost]";
}

static void write_time(FILE *out, uint64_t ns)
{
	double ms = (double)ns / 1e6;

	if (ms >= 1000)
		fprintf(out, "%.2f s", ms / 1000);
	else
		fprintf(out, ms >= 10 ? "%.0f ms" : "%.2f ms", ms);
}

/* "/app/server.js:8", the module's path, or nothing. */
static void write_place(const struct drawing *drawing, const struct flame_node *node)
{
	if (!node->frame)
		return;
	if (frame_file(node->frame)[0] != '\0') {
		xml_text(drawing->out, frame_file(node->frame));
		if (node->line > 0)
			fprintf(drawing->out, ":%u", node->line);
	} else if (frame_module(node->frame)) {
		xml_text(drawing->out, frame_module(node->frame));
	}
}

/* "hashPassword  server.js:8" if there is room for all of it, else as much of the name as fits. */
static void write_label(const struct drawing *drawing, const struct flame_node *node, double width)
{
	const char *name = name_of(drawing, node),
		   *file = node->frame ? frame_file(node->frame) : "";
	const char *slash = strrchr(file, '/'), *base = slash ? slash + 1 : file;
	size_t columns = width > 6 ? (size_t)((width - 6) / COLUMN) : 0;
	char line[16] = "";

	if (columns < 3)
		return;
	if (node->line > 0)
		snprintf(line, sizeof(line), ":%u", node->line);
	fputs("<text x=\"3\" y=\"13\">", drawing->out);
	xml_text_cut(drawing->out, name, columns);
	if (base[0] != '\0' &&
		glyph_text_columns(name) + 2 + glyph_text_columns(base) + strlen(line) <= columns) {
		fputs("  ", drawing->out);
		xml_text(drawing->out, base);
		fputs(line, drawing->out);
	}
	fputs("</text>", drawing->out);
}

/* Three lines, which the script reads too: name, place, figures. */
static void write_tooltip(
	const struct drawing *drawing, const struct flame_node *node, enum colour colour)
{
	const struct flame_node *root = drawing->tree.nodes;
	FILE *out = drawing->out;

	fputs("<title>", out);
	xml_text(out, name_of(drawing, node));
	fputc('\n', out);
	write_place(drawing, node);
	fputc('\n', out);
	write_time(out, node->total_ns);
	fprintf(out, ", %.2f %%", 100 * (double)node->total_ns / (double)root->total_ns);
	if (node != root)
		fprintf(out, ", %s", colours[colour].word);
	fputs("</title>", out);
}

static void write_node(struct drawing *drawing, const struct flame_node *node)
{
	double width = (double)node->total_ns * drawing->scale;
	double x = MARGIN + (double)node->begin_ns * drawing->scale;
	unsigned y = HEAD + (drawing->tree.depth - node->depth) * ROW;
	enum colour colour = colour_of(drawing, node);
	const char *name = name_of(drawing, node);
	FILE *out = drawing->out;

	if (node == drawing->tree.nodes)
		fputs("<svg class=\"f all\"", out);
	else
		fprintf(out, "<svg class=\"f %s%u\"", colours[colour].css, shade_of(name));
	fprintf(out,
		" x=\"%.2f\" y=\"%u\" width=\"%.2f\" height=\"%d\" data-b=\"%llu\" "
		"data-t=\"%llu\">",
		x, y, width, ROW - 1, (unsigned long long)node->begin_ns,
		(unsigned long long)node->total_ns);
	write_tooltip(drawing, node, colour);
	fputs("<rect width=\"100%\" height=\"100%\" rx=\"2\"/>", out);
	write_label(drawing, node, width);
	fputs("</svg>\n", out);
}

/* Which frames are drawn, and so which colours the legend has. */
static void survey(struct drawing *drawing)
{
	for (size_t i = 1; i < drawing->tree.count; i++) {
		const struct flame_node *node = &drawing->tree.nodes[i];

		if ((double)node->total_ns * drawing->scale < NARROWEST)
			drawing->left_out++;
		else
			drawing->used[colour_of(drawing, node)] = true;
	}
}

static void write_title(const struct drawing *drawing)
{
	static const char *const words[] = {
		[FLAME_STALL] = "Event-loop stalls",
		[FLAME_BLOCK] = "Event-loop stalls, off-CPU time",
		[FLAME_CPU] = "Event-loop stalls, CPU time",
	};
	const struct record_head *head = &drawing->recording->head;
	const char *what =
		head->runtime && head->runtime[0] != '\0' ? head->runtime : head->program;

	if (drawing->options->title) {
		xml_text(drawing->out, drawing->options->title);
		return;
	}
	fprintf(drawing->out, "%s: ", words[drawing->options->of]);
	xml_text(drawing->out, what && what[0] != '\0' ? what : "a process");
	fprintf(drawing->out, ", pid %u", head->pid);
}

/* What the width means, and all that the picture does not show. */
static void write_subtitle(const struct drawing *drawing)
{
	const struct flame_tree *tree = &drawing->tree;
	FILE *out = drawing->out;

	fputs("Width is time: ", out);
	write_time(out, tree->nodes[0].total_ns);
	fprintf(out, " in %llu stall%s, %llu sample%s.", (unsigned long long)tree->stalls,
		tree->stalls == 1 ? "" : "s", (unsigned long long)tree->samples,
		tree->samples == 1 ? "" : "s");
	if (tree->unseen_stalls > 0) {
		fprintf(out, " No stack of %llu more (", (unsigned long long)tree->unseen_stalls);
		write_time(out, tree->unseen_ns);
		fputs(").", out);
	}
	if (tree->startup_turns > 0) {
		fputs(" Left out: start-up (", out);
		write_time(out, tree->startup_ns);
		fputs(").", out);
	}
	if (drawing->left_out > 0)
		fprintf(out, " Too narrow to draw: %zu frame%s.", drawing->left_out,
			drawing->left_out == 1 ? "" : "s");
}

static void write_legend(const struct drawing *drawing)
{
	double x = MARGIN;

	fputs("<g id=\"legend\">\n", drawing->out);
	for (int i = 0; i < COLOURS; i++) {
		if (!drawing->used[i])
			continue;
		fprintf(drawing->out,
			"<rect class=\"%s1\" x=\"%.1f\" y=\"65\" width=\"13\" height=\"13\" "
			"rx=\"2\"/>"
			"<text x=\"%.1f\" y=\"76\">%s</text>\n",
			colours[i].css, x, x + 19, colours[i].word);
		x += 19 + COLUMN * (double)strlen(colours[i].word) + 22;
	}
	fputs("</g>\n", drawing->out);
}

static void write_document(struct drawing *drawing)
{
	unsigned height = HEAD + (drawing->tree.depth + 1) * ROW + FOOT;
	FILE *out = drawing->out;

	fprintf(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>\n"
		"<svg id=\"flame\" xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%u\" "
		"viewBox=\"0 0 %d %u\" font-family=\"monospace\" font-size=\"12\" data-row=\"%d\" "
		"data-margin=\"%d\">\n",
		WIDTH, height, WIDTH, height, ROW, MARGIN);
	fputs("<title>", out);
	write_title(drawing);
	fprintf(out, "</title>\n<style>\n%s</style>\n", embedded_flame_css);
	fputs("<rect id=\"ground\" width=\"100%\" height=\"100%\"/>\n", out);
	fprintf(out, "<text id=\"heading\" x=\"%d\" y=\"28\">", MARGIN);
	write_title(drawing);
	fprintf(out, "</text>\n<text id=\"subtitle\" x=\"%d\" y=\"50\">", MARGIN);
	write_subtitle(drawing);
	fputs("</text>\n", out);
	write_legend(drawing);
	fputs("<g id=\"frames\">\n", out);
	for (size_t i = 0; i < drawing->tree.count; i++) {
		if ((double)drawing->tree.nodes[i].total_ns * drawing->scale >= NARROWEST)
			write_node(drawing, &drawing->tree.nodes[i]);
	}
	fprintf(out, "</g>\n<text id=\"details\" x=\"%d\" y=\"%u\"></text>\n", MARGIN, height - 14);
	fprintf(out, "<script><![CDATA[\n%s]]></script>\n</svg>\n", embedded_flame_js);
}

int render_flame_svg(FILE *out, struct recording *recording, const struct flame_options *options)
{
	struct drawing drawing = {.out = out, .recording = recording, .options = options};
	int error = flame_tree_build(&drawing.tree, recording, options->of);

	if (error)
		return error;
	drawing.scale = (double)(WIDTH - 2 * MARGIN) / (double)drawing.tree.nodes[0].total_ns;
	survey(&drawing);
	write_document(&drawing);
	return 0;
}
