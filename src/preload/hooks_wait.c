/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hooks_wait.c - the calls in which an event loop waits: one stamp before, one after. Each calls
 * its original once, with the caller's arguments, and returns its result and errno. Tier A, apart
 * from the first calls of a thread.
 */
#include <errno.h>

#include "export.h"
#include "loop.h"
#include "polled.h"
#include "real.h"

/* epoll_wait and epoll_pwait, where busy servers wait, take the quick way and have what else may be
 * the case in a function beside (loop_enter_quick). A thread that has a loop has called
 * real_resolve. */

__attribute__((noinline)) static int epoll_wait_slow(
	int epfd, struct epoll_event *events, int maxevents, int timeout)
{
	struct loop *loop = loop_enter(epfd, WAIT_EPOLL);
	int result = REAL(epoll_wait)(epfd, events, maxevents, timeout);

	loop_leave(loop, result);
	return result;
}

EXPORT int epoll_wait(int epfd, struct epoll_event *events, int maxevents, int timeout)
{
	struct loop *loop = loop_enter_quick(epfd);
	int result;

	if (!loop)
		return epoll_wait_slow(epfd, events, maxevents, timeout);
	result = real.epoll_wait(epfd, events, maxevents, timeout);
	loop_leave_quick(loop, result);
	return result;
}

__attribute__((noinline)) static int epoll_pwait_slow(
	int epfd, struct epoll_event *events, int maxevents, int timeout, const sigset_t *sigmask)
{
	struct loop *loop = loop_enter(epfd, WAIT_EPOLL);
	int result = REAL(epoll_pwait)(epfd, events, maxevents, timeout, sigmask);

	loop_leave(loop, result);
	return result;
}

EXPORT int epoll_pwait(
	int epfd, struct epoll_event *events, int maxevents, int timeout, const sigset_t *sigmask)
{
	struct loop *loop = loop_enter_quick(epfd);
	int result;

	if (!loop)
		return epoll_pwait_slow(epfd, events, maxevents, timeout, sigmask);
	result = real.epoll_pwait(epfd, events, maxevents, timeout, sigmask);
	loop_leave_quick(loop, result);
	return result;
}

EXPORT int epoll_pwait2(int epfd, struct epoll_event *events, int maxevents,
	const struct timespec *timeout, const sigset_t *sigmask)
{
	struct loop *loop;
	int result;

	/* glibc has it since 2.35; a program that was built against that will not start with less.
	 */
	if (!REAL(epoll_pwait2)) {
		errno = ENOSYS;
		return -1;
	}
	loop = loop_enter(epfd, WAIT_EPOLL);
	result = real.epoll_pwait2(epfd, events, maxevents, timeout, sigmask);

	loop_leave(loop, result);
	return result;
}

static struct loop *enter_poll(const struct pollfd *fds, nfds_t nfds)
{
	struct wait_list list;

	return loop_may_poll() && polled_entries(&list, fds, nfds)
		       ? loop_enter_set(&list, WAIT_POLL)
		       : NULL;
}

static struct loop *enter_select(
	int nfds, const fd_set *readfds, const fd_set *writefds, const fd_set *exceptfds)
{
	const fd_set *const sets[] = {readfds, writefds, exceptfds};
	struct wait_list list;

	return loop_may_poll() && polled_sets(&list, nfds, sets)
		       ? loop_enter_set(&list, WAIT_SELECT)
		       : NULL;
}

EXPORT int poll(struct pollfd *fds, nfds_t nfds, int timeout)
{
	struct loop *loop = enter_poll(fds, nfds);
	int result = REAL(poll)(fds, nfds, timeout);

	loop_leave(loop, result);
	return result;
}

EXPORT int __poll_chk(struct pollfd *fds, nfds_t nfds, int timeout, size_t size)
{
	struct loop *loop = enter_poll(fds, nfds);
	int result = REAL(__poll_chk)(fds, nfds, timeout, size);

	loop_leave(loop, result);
	return result;
}

EXPORT int ppoll(
	struct pollfd *fds, nfds_t nfds, const struct timespec *timeout, const sigset_t *sigmask)
{
	struct loop *loop = enter_poll(fds, nfds);
	int result = REAL(ppoll)(fds, nfds, timeout, sigmask);

	loop_leave(loop, result);
	return result;
}

EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t nfds, const struct timespec *timeout,
	const sigset_t *sigmask, size_t size)
{
	struct loop *loop = enter_poll(fds, nfds);
	int result = REAL(__ppoll_chk)(fds, nfds, timeout, sigmask, size);

	loop_leave(loop, result);
	return result;
}

EXPORT int select(
	int nfds, fd_set *readfds, fd_set *writefds, fd_set *exceptfds, struct timeval *timeout)
{
	struct loop *loop = enter_select(nfds, readfds, writefds, exceptfds);
	int result = REAL(select)(nfds, readfds, writefds, exceptfds, timeout);

	loop_leave(loop, result);
	return result;
}

EXPORT int pselect(int nfds, fd_set *readfds, fd_set *writefds, fd_set *exceptfds,
	const struct timespec *timeout, const sigset_t *sigmask)
{
	struct loop *loop = enter_select(nfds, readfds, writefds, exceptfds);
	int result = REAL(pselect)(nfds, readfds, writefds, exceptfds, timeout, sigmask);

	loop_leave(loop, result);
	return result;
}
