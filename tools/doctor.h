/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor.h - what can be observed here, what cannot, and why: one table of checks about the
 * machine and one about a process. A new check is one function and one line in its table.
 *
 * Tier C. Data: /proc, /sys, the preload library -> answers for cmd_doctor.c, which prints them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum doctor_status {
	DOCTOR_OK,
	DOCTOR_LIMITED, /* works, and something is missing */
	DOCTOR_NO,      /* does not work */
};

struct doctor_answer {
	enum doctor_status status;
	char what[512];   /* what was found; may hold text of the process (hazard 51) */
	char advice[256]; /* what to do about it; "" if there is nothing to do */
	bool denied;      /* for want of a right: then the advice names it */
};

struct doctor_check {
	const char *name;
	/* pid: the process; 0 for checks of the machine. */
	void (*look)(pid_t pid, struct doctor_answer *ret);
};

/* Both end with a null name. */
extern const struct doctor_check doctor_machine[], doctor_process[];

/* For checks: fills in an answer. `advice` may be null. */
void doctor_answer(struct doctor_answer *ret, enum doctor_status status, const char *advice,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
/* For checks: `what` may not be looked at. */
void doctor_denied(struct doctor_answer *ret, const char *what);
/*
 * For checks: the first line of a file without its newline, or the rest of its line that begins
 * with `field`. False: there is no such file or line.
 */
bool doctor_read(const char *path, const char *field, char *ret, size_t size);
