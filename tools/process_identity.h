/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process_identity.h - what one process of the list is called, who runs it, in which runtime and
 * container, and whether Holter records it already. Read only; it takes some milliseconds where
 * a runtime has to be recognised by its memory.
 *
 * Tier C. Data: /proc/PID, its memory, claims -> words for a person.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "claim.h"
#include "container.h"
#include "processes.h"
#include "script.h"

/* How a process can be named. */
struct process_names {
	char program[PATH_MAX]; /* its path as the process itself sees it; "" if that is not known
				 */
	char script[SCRIPT_NAME_MAX]; /* base name of what an interpreter runs; "" */
};

enum process_recording {
	PROCESS_NOT_RECORDED,
	PROCESS_RECORDS_ITSELF, /* libholter.so is at work in it */
	PROCESS_ATTACHED,       /* by a `holter attach` */
};

struct process_identity {
	struct process_names names;
	uid_t uid;        /* effective; -1 if not known */
	char user[33];    /* or its number */
	char runtime[64]; /* "node 20.20.2"; "" for native code */
	bool guessed;     /* the runtime by the program's name: its memory may not be read */
	struct container container;
	enum process_recording recording;
	char file[PATH_MAX]; /* of a process that records itself, as we can open it; "" if unknown
			      */
	pid_t tool;          /* that is attached; 0 */
};

void process_name(pid_t pid, struct process_names *ret);
/* The last part of a path. */
const char *process_base_name(const char *path);
/*
 * Whether somebody who writes `name` can mean this process: its name, its program's, or its
 * script's, with or without ".js" and the like.
 */
bool process_is_called(
	const struct process *process, const struct process_names *names, const char *name);
/* `claims` of this moment. */
void process_identify(
	const struct process *process, const struct claims *claims, struct process_identity *ret);
