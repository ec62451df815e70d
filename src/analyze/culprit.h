/* SPDX-License-Identifier: Apache-2.0 */
/*
 * culprit.h - the function to blame for a set of samples.
 *
 * The culprit is the deepest function that lies on at least 80 % of the weight, from the first
 * class that has one: application, dependency, runtime library, native library. A function counts
 * once in a sample, however often it recurs there. A named function is preferred to a nameless one
 * of its class. A sample abstains from functions that it does not show if its callers could not be
 * found, or if it has no function of their class at all (a dispatcher on its way from one callback
 * to the next), as long as half of all weight speaks for one. Where the weight is spread over many
 * functions, the rule itself walks up to their common caller.
 *
 * Tier C. Data: samples with their numbered stacks -> struct culprit.
 */
#pragma once

#include "identity.h"

/* A sample that speaks for or against a function. */
struct witness {
	const struct sample *sample;
	const struct stack_view *view; /* never null */
	uint64_t weight_ns;            /* above 0 */
};

/* What a search needs beside its witnesses: made once, used for one set after the other. */
struct culprit_search {
	const struct identity *identity;
	struct recording *recording;
	/* Scratch by function, and by view: 0 but for those of the last search. */
	uint64_t *weight_ns; /* of the samples that hold the function */
	uint64_t *cut_ns;    /* of those whose callers could not be found */
	uint64_t *met_ns;    /* of the samples in which it is the candidate next to the leaf */
	size_t *last;        /* 1 + the witness that was counted last */
	uint64_t *stack_ns;
	uint32_t *met; /* the functions of the last search */
	size_t met_count;
	uint64_t total_ns;
	uint64_t silent_ns[CLASS_NATIVE_LIBRARY +
			   1]; /* by class: cut, or without a function of it */
};

/* Memory comes from the recording's pool. */
void culprit_search_init(
	struct culprit_search *ret, const struct identity *identity, struct recording *recording);
/*
 * Finds the culprit of `count` witnesses. Fills ret but for share_of_kind, and sets ret_function to
 * its number. Returns false (ret untouched, FUNCTION_NONE) if no function lies on enough of the
 * weight.
 */
bool culprit_find(struct culprit_search *search, const struct witness *witnesses, size_t count,
	struct culprit *ret, uint32_t *ret_function);
/*
 * The part of the weight (0..1) whose stack is doubtful where it matters: between the leaf and the
 * function a frame was guessed at, or the function is missing from a stack whose callers could not
 * be found.
 */
double culprit_doubt(uint32_t function, const struct witness *witnesses, size_t count);
