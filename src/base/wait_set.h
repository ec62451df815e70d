/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wait_set.h - what tells one poll or select from another: the descriptors that it waits on.
 *
 * A thread may call poll for its loop, and again inside a turn: a client library that waits for its
 * answer, a resolver, select as a sleep. The call itself looks the same; its descriptors do not. So
 * the loop's set is remembered, oldest descriptor first, and kept up to date as connections come
 * and go. A wait is the loop's own if it has the oldest descriptor (mostly the listening socket, or
 * the pipe that wakes the loop), or more than half of those remembered. One that shares a single
 * connection is not: a handler waits until its client takes the answer, or a number has been given
 * to a new descriptor within the turn.
 *
 * The probes do the same in the kernel (bpf/polled.h). Not here: what the descriptors are.
 * Tier A.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	WAIT_LIST_MAX = 8, /* more are not looked at */
	WAIT_SET_MAX = 4,
	WAIT_SET_WORDS = 16, /* of an fd_set: the whole of it */
};

/* The first descriptors that a call waits on. */
struct wait_list {
	int32_t descriptors[WAIT_LIST_MAX];
	uint32_t count;
};

/* What is remembered of a loop's. */
struct wait_set {
	int32_t descriptors[WAIT_SET_MAX];
	uint32_t count;
};

struct pollfd;

/* The list of an array of struct pollfd. */
void wait_list_of_entries(struct wait_list *ret, const struct pollfd *entries, size_t count);
/*
 * The list of the descriptors below `limit` in words, one for 64 of them, that are the union of
 * select's three sets.
 */
void wait_list_of_words(struct wait_list *ret, const uint64_t *words, uint32_t limit);
/* Whether a wait on the list is one on the set. */
bool wait_set_is_same(const struct wait_set *set, const struct wait_list *list);
/* Brings the set up to date: what lasts moves up, what is new comes behind it. */
void wait_set_renew(struct wait_set *set, const struct wait_list *list);
/* Begins a set with this descriptor. */
void wait_set_begin(struct wait_set *ret, int32_t oldest);
