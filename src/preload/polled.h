/* SPDX-License-Identifier: Apache-2.0 */
/*
 * polled.h - the descriptors that the calling thread is about to wait on by poll or select, and
 * what they are.
 *
 * The caller's memory is read before the kernel has read it, and it may be none: such a call
 * returns EFAULT, and must not fault in our hands instead. So the kernel is asked first whether it
 * can be read, by a call that does nothing else (about 150 ns). Reading it after
 * the wait would be free, but select has overwritten its sets by then, and whether a turn has ended
 * must be known while the wait lasts.
 *
 * Tier A.
 */
#pragma once

#include <poll.h>
#include <sys/select.h>

#include "wait_set.h"

/* The list of a call with these arguments. Returns whether it could be read. */
bool polled_entries(struct wait_list *ret, const struct pollfd *entries, nfds_t count);
bool polled_sets(struct wait_list *ret, int limit, const fd_set *const sets[3]);
/* The set that begins with a list; a socket that listens is its oldest. */
void polled_begin(struct wait_set *ret, const struct wait_list *list);
/* Whether a thread's epoll descriptor is closed, or its number another file's: a loop that is left
 * closes its own. False where /proc does not tell. Any thread. */
bool polled_epoll_is_gone(uint32_t tid, int32_t descriptor);
/* Whether none of the descriptors is open any more. */
bool polled_is_gone(const struct wait_set *set);
/*
 * How much speaks for a set as that of a loop: most, that its oldest is a socket which listens;
 * otherwise the set's size.
 */
uint32_t polled_rank(const struct wait_set *set);

enum { POLLED_LISTENS = WAIT_SET_MAX + 1 }; /* as a rank */
