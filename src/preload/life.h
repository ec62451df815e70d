/* SPDX-License-Identifier: Apache-2.0 */
/*
 * life.h - when Holter records in a process and when it stays out of it. A process is inert,
 * without a thread or a file, until it has a loop: a second wait on one epoll descriptor where it
 * listens, a tenth elsewhere. Then Holter's thread is started. A server that is about to give up
 * root opens its recording first, since it may have no right to do so later. A forked child begins
 * inert again. Where anything fails, Holter stands aside for good: the hooks pass everything
 * through. Tier B.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Whether recording goes on or may still begin. Cheap. */
bool life_may_record(void);
/* Whether nothing has been begun yet. Cheap. */
bool life_is_inert(void);
/* Starts Holter's thread unless it runs. Returns whether it does. Keeps errno. */
bool life_activate(void);
/* listen(2) succeeded, or the first connection came: the process is a server, and start-up is over.
 */
void life_listened(void);
/*
 * The user is about to change from root to another: opens a server's recording. One that will
 * listen later is not known as a server yet; the program that was started with a recording's name
 * is taken for one if its new user could not make the file any more. Keeps errno.
 */
void life_before_drop(uint32_t user);
/*
 * Stands aside for good, and says why in the recording: afterwards Holter makes no system call in
 * this process any more, neither on its own thread, which has ended (or hangs in one), nor in a
 * hook or a handler.
 */
void life_stand_aside(const char *why);
/* Whether this process has listened itself, and so is one to record from its first waits on. */
bool life_has_listened(void);
/*
 * When start-up ended, CLOCK_MONOTONIC: at the first listen or connection, or at the fork from a
 * parent that had listened before. 0: neither, so far.
 */
uint64_t life_server_since_ns(void);
void life_count_lost_loop(void);
uint64_t life_lost_loops(void);

/* Holter's thread sleeps on this word (futex): it changes when there is something new for it. */
extern _Atomic uint32_t life_news;
/* Whether Holter's thread should end. */
bool life_is_ending(void);
/* Why, where it is not the end of the process; else null. */
const char *life_reason(void);
/* A loop has been registered: Holter's thread looks at it at once. */
void life_tell(void);
/* Called by Holter's thread when the recording is open. */
void life_thread_opened(void);
/* Called by Holter's thread when it is done or gives up. */
void life_thread_ended(void);

/*
 * Held by Holter's thread while it is inside libraries that have locks of their own (the loader,
 * libunwind, the server's malloc below them), so that a fork never copies those locks in a held
 * state (hazard 14). Never held over file I/O of ours; at most about a millisecond.
 */
void life_lock(void);
void life_unlock(void);
