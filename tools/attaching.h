/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attaching.h - what the commands have in common that watch a running process: their options, the
 * choice of the process, the progress line, and how what went wrong is told.
 *
 * Tier C. Data: options -> attach_run (src/attach) -> a recording.
 */
#pragma once

#include "attach.h"
#include "choose.h"
#include "command.h"

struct attaching {
	pid_t other; /* a tool that watches the same process, as has been told; 0: none */
	struct choice choice;
	struct attach_options options; /* out: set by the command */
};

/* The options that the commands share: lines of their tables, in this order. */
enum attaching_option {
	ATTACHING_PID,
	ATTACHING_PORT,
	ATTACHING_NAME,
	ATTACHING_DURATION,
	ATTACHING_CHILDREN,
	ATTACHING_METHOD,
	ATTACHING_THRESHOLD,
	ATTACHING_INTERVAL,
	ATTACHING_OPTIONS,
};
#define ATTACHING_TABLE                                                                            \
	[ATTACHING_PID] = {"pid", 'p', "PID", "the process"},                                      \
	[ATTACHING_PORT] = {"port", 0, "PORT", "the process that listens on this TCP port"},       \
	[ATTACHING_NAME] = {"name", 0, "NAME",                                                     \
		"the process with this name, or whose program or script has it"},                  \
	[ATTACHING_DURATION] = {"duration", 'd', "TIME", "how long to watch (30s, 5m)"},           \
	[ATTACHING_CHILDREN] = {"children", 0, NULL,                                               \
		"watch its child processes as well, and theirs"},                                  \
	[ATTACHING_METHOD] = {"method", 0, "NAME",                                                 \
		"ebpf, or poll, which needs less and sees less (ebpf if it works)"},               \
	[ATTACHING_THRESHOLD] = {"threshold", 't', "MS",                                           \
		"a turn of the loop that takes longer is a stall (50)"},                           \
	[ATTACHING_INTERVAL] = {                                                                   \
		"interval", 'i', "MS", "time between samples of one stall, at first (10)"}

/* The defaults. */
void attaching_init(struct attaching *attaching);
/* Takes one of the options above. Returns STATUS_OK, or STATUS_USAGE after having complained. */
enum exit_status attaching_take(
	struct attaching *attaching, enum attaching_option option, const char *value);
/*
 * Chooses the process: options.pid. Returns STATUS_OK or the status to exit with, after having
 * complained.
 */
enum exit_status attaching_choose(struct attaching *attaching, const char *command);
/*
 * Watches, with a progress line on a terminal; an interrupt ends it early. Returns STATUS_OK, even
 * if the process ended meanwhile, or the status to exit with after having complained.
 */
enum exit_status attaching_run(struct attaching *attaching, const char *command);
