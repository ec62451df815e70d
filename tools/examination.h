/* SPDX-License-Identifier: Apache-2.0 */
/*
 * examination.h - all the checks of doctor.h at once, what follows from them for each way of
 * recording, and how that is printed.
 *
 * Tier C. Data: struct doctor_check -> text, JSON.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "doctor.h"
#include "json_writer.h"

enum { EXAMINATION_MAX = 64 };

struct examined {
	const struct doctor_check *check;
	struct doctor_answer answer;
	bool of_process; /* else of the machine */
};

struct examination {
	pid_t pid; /* 0: of the machine alone */
	struct examined entries[EXAMINATION_MAX];
	size_t count;
	bool denied; /* something of the process may not be looked at, for want of a right */
};

/* Looks at the machine, and at a process unless pid is 0. Returns 0 or -ENOMEM. */
int examination_make(struct examination *ret, pid_t pid);
/* The worst answer of all checks that a way of recording depends on. */
enum doctor_status examination_verdict(const struct examination *examination, enum mode mode);
/* Whether a check has found that the limit applies. */
bool examination_meets(const struct examination *examination, enum limit_id limit);
/* Writes a verdict for each way of recording, and the checks in groups. */
void examination_print_text(const struct examination *examination, FILE *out);
/* Writes the members "verdicts", "machine" and "process". */
void examination_print_json(const struct examination *examination, struct json_writer *json);
