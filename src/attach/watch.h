/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.h - what is made of a source's loops and records: stalls with their samples, turns.
 *
 * A turn past the threshold is written when it is seen, again while it lasts, and when it has
 * ended. A thread that runs is sampled by the source; one that sleeps is read in place, from here.
 *
 * Tier C. Data: struct stall_loop and records of a source -> the writers of the processes.
 */
#pragma once

#include "attached.h"

struct watches;

struct watches_figures {
	size_t loops; /* declared so far */
	uint64_t stalls, samples;
};

/* All borrowed. find: the process with an id, or null. Returns null if there is no memory. */
struct watches *watches_new(const struct source_ops *ops, struct source *source,
	const struct attach_options *options, struct attached *(*find)(void *context, uint32_t id),
	void *context);
void watches_free(struct watches *watches);
/* Takes a record of a sample or of an ended stall. */
void watches_record(struct watches *watches, const struct stall_record *record);
/* Looks at every loop. The records must have been drained before. Returns when to look again. */
uint64_t watches_look(struct watches *watches, uint64_t now);
/* Writes turns, and the stalls that go on. */
void watches_tick(struct watches *watches, uint64_t now, bool with_histogram);
/* The process runs another program, or has ended: its stalls are over as far as can be seen. */
void watches_forget(struct watches *watches, const struct attached *attached);
struct watches_figures watches_figures(const struct watches *watches);
