/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor.h - what can be observed here, what cannot, and why: checks of this machine and of one
 * process. A check looks at one thing and answers; where that meets a limit of limit.h, the
 * answer names it and takes the advice from there. A new check is one function and one row in the
 * table of its file.
 *
 * Tier C. Data: /proc, /sys, struct subject, trials -> answers for cmd_doctor.c, which prints them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "limit.h"

struct subject;

enum doctor_status {
	DOCTOR_OK,
	DOCTOR_LIMITED, /* works, and something is missing */
	DOCTOR_NO,      /* does not work */
};

struct doctor_answer {
	enum doctor_status status;
	char what[512];      /* what was found; may hold text of the process (hazard 51) */
	const char *advice;  /* what to do about it, static; null if there is nothing to do */
	enum limit_id limit; /* that applies; LIMIT_NONE */
	bool denied;         /* a right is missing to answer at all: the advice names it */
};

struct doctor_check {
	const char *name;
	unsigned modes; /* enum mode: those that depend on it */
	/* The process; null for checks of the machine. */
	void (*look)(const struct subject *subject, struct doctor_answer *ret);
};

/* All end with a null name. */
extern const struct doctor_check doctor_machine[]; /* what each way of recording needs */
extern const struct doctor_check doctor_attach[];  /* of the machine: what attaching needs */
extern const struct doctor_check doctor_process[]; /* what the process is, and lives in */
extern const struct doctor_check doctor_program[]; /* its files and its code */
extern const struct doctor_check doctor_preload[]; /* recording it from inside */

/* For checks: fill in an answer. All is well. */
void doctor_ok(struct doctor_answer *ret, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Something is amiss that is no limit of Holter's; `advice` is static, or null. */
void doctor_trouble(struct doctor_answer *ret, enum doctor_status status, const char *advice,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
/* A limit applies. */
void doctor_limit(struct doctor_answer *ret, enum doctor_status status, enum limit_id limit,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
/* `what` may not be looked at. */
void doctor_denied(struct doctor_answer *ret, const char *what);
/*
 * For checks: the first line of a file without its newline, or the rest of its line that begins
 * with `field`. False: there is no such file or line.
 */
bool doctor_read(const char *path, const char *field, char *ret, size_t size);
/*
 * For checks: tries something in a child, which a seccomp filter may kill. `attempt` returns 0 or a
 * negative errno of at least -255. Returns that; -EINTR if a signal ended the child.
 */
int doctor_try(int (*attempt)(void));
