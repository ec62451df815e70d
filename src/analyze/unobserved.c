/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unobserved.c - what a recording cannot say.
 *
 * Tier C. Data: losses, notes, salvage counts -> lines for a person.
 */
#include "unobserved.h"

#include <string.h>

#include "jobs.h"

/* What follows the number. */
static const struct {
	const char *one, *many, *rest;
} losses[LOSS_KINDS] = {
	[LOSS_UNKNOWN] = {"thing", "things", " of a kind that this version does not know"},
	[LOSS_SAMPLE_SLOT] = {"sample", "samples", ": no room for one more at that moment"},
	[LOSS_SAMPLE_TIMEOUT] = {"sample", "samples", ": the thread did not answer in time"},
	[LOSS_SAMPLE_STACK] = {"sample", "samples", ": the stack could not be read"},
	[LOSS_BLOCK_WRITE] = {"block was", "blocks were",
		" not written (disk full, or an I/O error)"},
	[LOSS_BLOCK_ROTATED] = {"older block", "older blocks", " made room, as --max-size says"},
	[LOSS_LOOP] = {"loop", "loops", ": more than can be watched at once"},
	[LOSS_EVENT] = {"stall or turn", "stalls or turns", ": too many at once"},
	[LOSS_EINTR_RACE] = {"system call", "system calls",
		" may have seen an interruption of Holter's"},
	[LOSS_INTERN] = {"name or stack was", "names or stacks were", " too many or too long"},
	[LOSS_POOL] = {"annotated pool", "annotated pools", ": more than can be watched at once"},
	[LOSS_HOLD] = {"connection of an annotated pool was", "connections of annotated pools were",
		" held without being timed"},
};

enum { NOTES_MAX = 64 }; /* different ones that are shown */

static void add(struct diagnosis *diagnosis, const char *line)
{
	diagnosis->not_observed[diagnosis->not_observed_count++] = line;
}

static void add_count(struct diagnosis *diagnosis, struct recording *recording, uint64_t count,
	const char *one, const char *many, const char *rest)
{
	char text[160];
	int length;

	if (count == 0)
		return;
	length = snprintf(text, sizeof(text), "%llu %s%s", (unsigned long long)count,
		count == 1 ? one : many, rest);
	add(diagnosis, recording_text(recording, text, (size_t)length));
}

static bool is_said(const struct diagnosis *diagnosis, const char *line)
{
	for (size_t i = 0; i < diagnosis->not_observed_count; i++) {
		if (strcmp(diagnosis->not_observed[i], line) == 0)
			return true;
	}
	return false;
}

static void add_notes(struct diagnosis *diagnosis, struct recording *recording)
{
	size_t most = diagnosis->not_observed_count + NOTES_MAX;

	for (size_t i = 0; i < recording->note_count; i++) {
		const struct note *note = &recording->notes[i];

		if (note->kind == NOTE_RESUMED || is_said(diagnosis, note->text))
			continue;
		if (diagnosis->not_observed_count == most) {
			add(diagnosis, "and more: 'holter dump' shows all notes");
			return;
		}
		add(diagnosis, note->text);
	}
}

void unobserved_collect(struct diagnosis *diagnosis, struct recording *recording)
{
	size_t lines_max = LOSS_KINDS + NOTES_MAX + 8;
	struct jobs jobs;

	diagnosis->not_observed =
		recording_alloc(recording, lines_max * sizeof(*diagnosis->not_observed));
	if (recording->loop_count == 0)
		add(diagnosis,
			"no thread that waits for events was seen: nothing is known about stalls");
	for (size_t i = 0; i < LOSS_KINDS; i++)
		add_count(diagnosis, recording, recording->lost[i], losses[i].one, losses[i].many,
			losses[i].rest);
	add_count(diagnosis, recording, recording->blocks_lost, "block of the recording is",
		"blocks of the recording are", " missing");
	add_count(diagnosis, recording, recording->unresolved,
		"reference leads nowhere, since its declaration is",
		"references lead nowhere, since their declarations are", " missing");
	if (recording->truncated)
		add(diagnosis, "the recording ends inside a block: its last moments are missing");
	/* After the last block nothing tells how many are missing. */
	if (recording->blocks_lost == 0)
		add_count(diagnosis, recording, recording->bytes_skipped, "byte of the file is",
			"bytes of the file are", " no intact block: what was there is missing");
	add_notes(diagnosis, recording);
	jobs_find(&jobs, recording);
	add_count(diagnosis, recording, jobs.count, "worker thread takes its",
		"worker threads take their",
		" work by Atomics.wait: no event loop turns there to be judged");
	add(diagnosis, "heap growth and connection pools: this version judges stalls only");
}
