/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subject.h - what /proc says about one process, read once for all the checks of `holter doctor`.
 * Whatever may not be read carries its errno; nothing is judged here.
 *
 * Tier C. Data: /proc/PID -> struct subject.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "maps.h"
#include "threads.h"

enum {
	SUBJECT_STATUS_BYTES = 8192,
	SUBJECT_THREADS_MAX = 4096, /* what is beyond is not looked at */
};

struct subject {
	pid_t pid;
	char status[SUBJECT_STATUS_BYTES]; /* its status file: subject_status */
	char program[4096];                /* as the link says; "" if that may not be read */
	bool replaced;                     /* the program's file is no longer there */
	int program_fd;                    /* of its file, or a negative errno */

	int maps_error; /* 0 or a negative errno */
	struct maps maps;

	struct thread *threads;
	size_t thread_count;

	int descriptors_error;
	unsigned epolls, rings; /* descriptors of epoll and of io_uring */
};

/* Returns 0 or -ENOMEM. subject_close in either case. */
int subject_open(struct subject *ret, pid_t pid);
void subject_close(struct subject *subject);

/* A field of its status ("Uid:") up to the line's end. Returns false if there is none. */
bool subject_status(const struct subject *subject, const char *field, char *ret, size_t size);
/* The same as a number; 0 if there is none. */
uint64_t subject_number(const struct subject *subject, const char *field, int base);
/* Whether a signal is in a mask as /proc gives it. */
bool subject_has_signal(uint64_t mask, int number);
/* The signals that a thread has blocked. */
uint64_t subject_blocked(const struct subject *subject, const struct thread *thread);
/* The thread of Holter's own, or null. */
const struct thread *subject_holter(const struct subject *subject);
/* An entry of its auxiliary vector (getauxval(3)). Returns 0 or a negative errno, -ENOENT for none.
 */
int subject_auxiliary(const struct subject *subject, uint64_t type, uint64_t *ret);
/*
 * The first mapped file that has one of these words in its name, or null. `words` ends with null.
 */
const char *subject_library(const struct subject *subject, const char *const *words);
/* Whether the process's memory can be read: 0 or a negative errno. */
int subject_read_memory(const struct subject *subject);
