/* SPDX-License-Identifier: Apache-2.0 */
/*
 * real.h - the functions that Holter's hooks stand in front of: one list, from which the table and
 * its look-up are made (hazard 21: a wrapper and its original cannot drift apart, the compiler
 * compares their types). Tier A once resolved; the look-up (dlsym) happens before main, or in the
 * first call that comes earlier.
 */
#pragma once

#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The fortified variants have no public declaration (glibc debug/poll_chk.c). */
int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t size);
int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
	const sigset_t *mask, size_t size);

#define REAL_FUNCTIONS(X)                                                                          \
	X(epoll_wait)                                                                              \
	X(epoll_pwait)                                                                             \
	X(epoll_pwait2)                                                                            \
	X(poll)                                                                                    \
	X(ppoll)                                                                                   \
	X(__poll_chk)                                                                              \
	X(__ppoll_chk)                                                                             \
	X(select)                                                                                  \
	X(pselect)                                                                                 \
	X(listen)                                                                                  \
	X(accept)                                                                                  \
	X(accept4)                                                                                 \
	X(recvmsg)                                                                                 \
	X(setuid)                                                                                  \
	X(setreuid)                                                                                \
	X(setresuid)                                                                               \
	X(syscall)                                                                                 \
	X(prctl)

/* NOLINTNEXTLINE(bugprone-macro-parentheses): a declaration */
#define REAL_MEMBER(name) __typeof__(&name) name;
struct real {
	REAL_FUNCTIONS(REAL_MEMBER)
};
#undef REAL_MEMBER

extern struct real real;

void real_resolve(void);

/* The original, or null where this C library has none. */
#define REAL(name)                                                                                 \
	(__builtin_expect(real.name != NULL, 1) ? real.name : (real_resolve(), real.name))
