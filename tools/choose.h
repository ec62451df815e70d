/* SPDX-License-Identifier: Apache-2.0 */
/*
 * choose.h - which process a command is about: by its pid, by the port that it listens on, or by a
 * name. There is one answer or a complaint that says what to do; a guess is never made.
 *
 * Tier C. Data: options' values, /proc -> a pid. Whether Holter can observe that process is
 * not asked here.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "command.h"

/* The values of -p, --port and --name as they were given; null: not given. One of them must be. */
struct choice {
	const char *pid, *port, *name;
	bool children; /* children are observed too: of a parent and its children take the parent */
};

struct chosen {
	pid_t pid;
	uint64_t start; /* procfs.h: tells whether the pid still is that process */
	char why[1024]; /* one line for complain(), if there is no answer */
};

/*
 * Returns STATUS_OK and fills in pid and start; or STATUS_USAGE, STATUS_PERMISSION, STATUS_GONE or
 * STATUS_FAILED and fills in why.
 */
enum exit_status choose_target(const struct choice *choice, struct chosen *ret);
