/* SPDX-License-Identifier: Apache-2.0 */
/* examination.c - see examination.h. Tier C. */
#include "examination.h"

#include <errno.h>
#include <stdio.h>

#include "render.h"
#include "subject.h"

/* The ways of recording, in the order of what they see. */
static const struct {
	enum mode mode;
	const char *name, *title;
} ways[] = {
	{MODE_PRELOADING, "preload", "recording by preload (holter run)"},
	{MODE_PROBES, "attach", "attaching by eBPF (holter attach)"},
	{MODE_POLLING, "attach-poll", "attaching by polling (holter attach --method=poll)"},
};

static const struct {
	unsigned modes;
	const char *title;
} groups[] = {
	{MODES_ALL, "In any case"},
	{MODE_PRELOADING, "Recording by preload"},
	{MODES_ATTACHING, "Attaching from outside"},
	{MODE_PROBES, "Attaching by eBPF"},
	{MODE_POLLING, "Attaching by polling"},
};

static const char *const status_names[] = {
	[DOCTOR_OK] = "ok",
	[DOCTOR_LIMITED] = "limited",
	[DOCTOR_NO] = "no",
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void look_at_all(struct examination *examination, const struct doctor_check *check,
	const struct subject *subject, bool of_process)
{
	for (; check->name && examination->count < EXAMINATION_MAX; check++) {
		struct examined *entry = examination->entries + examination->count++;

		*entry = (struct examined){.check = check, .of_process = of_process};
		check->look(subject, &entry->answer);
		examination->denied |= entry->answer.denied;
	}
}

int examination_make(struct examination *ret, pid_t pid)
{
	struct subject subject;
	int result = 0;

	*ret = (struct examination){.pid = pid};
	look_at_all(ret, doctor_machine, NULL, false);
	look_at_all(ret, doctor_attach, NULL, false);
	if (!pid)
		return 0;
	result = subject_open(&subject, pid);
	if (result == 0) {
		look_at_all(ret, doctor_process, &subject, true);
		look_at_all(ret, doctor_program, &subject, true);
		look_at_all(ret, doctor_preload, &subject, true);
	}
	subject_close(&subject);
	return result;
}

enum doctor_status examination_verdict(const struct examination *examination, enum mode mode)
{
	enum doctor_status worst = DOCTOR_OK;

	for (size_t i = 0; i < examination->count; i++) {
		const struct examined *entry = examination->entries + i;

		if (entry->check->modes & mode && entry->answer.status > worst)
			worst = entry->answer.status;
	}
	return worst;
}

bool examination_meets(const struct examination *examination, enum limit_id limit)
{
	for (size_t i = 0; i < examination->count; i++) {
		if (examination->entries[i].answer.limit == limit)
			return true;
	}
	return false;
}

/* The checks that made the verdict what it is. */
static void print_reasons(const struct examination *examination, enum mode mode,
	enum doctor_status verdict, FILE *out)
{
	const char *before = ": ";

	for (size_t i = 0; verdict != DOCTOR_OK && i < examination->count; i++) {
		const struct examined *entry = examination->entries + i;

		if (!(entry->check->modes & mode) || entry->answer.status != verdict)
			continue;
		fprintf(out, "%s%s", before, entry->check->name);
		before = ", ";
	}
}

static void print_group(const struct examination *examination, unsigned modes, const char *title,
	bool of_process, FILE *out)
{
	for (size_t i = 0; i < examination->count; i++) {
		const struct examined *entry = examination->entries + i;
		const struct doctor_answer *answer = &entry->answer;

		if (entry->check->modes != modes || entry->of_process != of_process)
			continue;
		if (title)
			fprintf(out, "\n%s:\n", title);
		title = NULL; /* said */
		fprintf(out, "  %-7s  %-18s  ", status_names[answer->status], entry->check->name);
		render_quoted(out, answer->what);
		fputc('\n', out);
		if (answer->advice)
			fprintf(out, "  %-7s  %-18s  -> %s\n", "", "", answer->advice);
	}
}

static void print_part(const struct examination *examination, bool of_process, FILE *out)
{
	for (size_t i = 0; i < COUNT(groups); i++)
		print_group(examination, groups[i].modes, groups[i].title, of_process, out);
}

void examination_print_text(const struct examination *examination, FILE *out)
{
	for (size_t i = 0; i < COUNT(ways); i++) {
		enum doctor_status verdict = examination_verdict(examination, ways[i].mode);

		fprintf(out, "%-7s  %s", status_names[verdict], ways[i].title);
		print_reasons(examination, ways[i].mode, verdict, out);
		fputc('\n', out);
	}
	fputs("\n--- This machine, for this user ---\n", out);
	print_part(examination, false, out);
	if (!examination->pid)
		return;
	fprintf(out, "\n--- Process %d ---\n", (int)examination->pid);
	print_part(examination, true, out);
}

static void print_checks(const struct examination *examination, const char *name, bool of_process,
	struct json_writer *json)
{
	json_writer_open_array(json, name);
	for (size_t i = 0; i < examination->count; i++) {
		const struct examined *entry = examination->entries + i;
		const struct doctor_answer *answer = &entry->answer;

		if (entry->of_process != of_process)
			continue;
		json_writer_open_row(json, NULL);
		json_writer_text(json, "name", entry->check->name);
		json_writer_text(json, "modes", limit_modes(entry->check->modes));
		json_writer_text(json, "status", status_names[answer->status]);
		json_writer_text(json, "what", answer->what);
		json_writer_text(json, "advice", answer->advice);
		json_writer_text(json, "limit",
			answer->limit == LIMIT_NONE ? NULL : limits[answer->limit].name);
		json_writer_close_object(json);
	}
	json_writer_close_array(json);
}

void examination_print_json(const struct examination *examination, struct json_writer *json)
{
	json_writer_open_row(json, "verdicts");
	for (size_t i = 0; i < COUNT(ways); i++)
		json_writer_text(json, ways[i].name,
			status_names[examination_verdict(examination, ways[i].mode)]);
	json_writer_close_object(json);
	print_checks(examination, "machine", false, json);
	if (!examination->pid)
		return;
	json_writer_integer(json, "pid", (uint64_t)examination->pid);
	print_checks(examination, "process", true, json);
}
