/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hooks_wait.c - the calls in which an event loop waits: one stamp before, one after. Each calls
 * its original with the caller's arguments and returns its result and errno; only an EINTR that
 * Holter's own signal caused is not passed on: the call is made again with the time that is left
 * (hazard 9). Tier A, apart from the first calls of a thread.
 */
#include <errno.h>

#include "export.h"
#include "loop.h"
#include "real.h"
#include "retry.h"

EXPORT int epoll_wait(int epfd, struct epoll_event *events, int maxevents, int timeout)
{
	struct loop *loop = loop_enter(epfd, WAIT_EPOLL);
	struct retry retry = retry_begin(loop);
	int result = REAL(epoll_wait)(epfd, events, maxevents, timeout);

	while (__builtin_expect(result < 0, 0) && retry_is_ours(&retry))
		result = real.epoll_wait(epfd, events, maxevents, retry_left_ms(&retry, timeout));
	loop_leave(loop);
	return result;
}

EXPORT int epoll_pwait(
	int epfd, struct epoll_event *events, int maxevents, int timeout, const sigset_t *sigmask)
{
	struct loop *loop = loop_enter(epfd, WAIT_EPOLL);
	struct retry retry = retry_begin(loop);
	int result = REAL(epoll_pwait)(epfd, events, maxevents, timeout, sigmask);

	while (__builtin_expect(result < 0, 0) && retry_is_ours(&retry))
		result = real.epoll_pwait(
			epfd, events, maxevents, retry_left_ms(&retry, timeout), sigmask);
	loop_leave(loop);
	return result;
}

EXPORT int epoll_pwait2(int epfd, struct epoll_event *events, int maxevents,
	const struct timespec *timeout, const sigset_t *sigmask)
{
	struct timespec left;
	struct retry retry;
	struct loop *loop;
	int result;

	/* glibc has it since 2.35; a program that was built against that will not start with less.
	 */
	if (!REAL(epoll_pwait2)) {
		errno = ENOSYS;
		return -1;
	}
	loop = loop_enter(epfd, WAIT_EPOLL);
	retry = retry_begin(loop);
	result = real.epoll_pwait2(epfd, events, maxevents, timeout, sigmask);
	while (__builtin_expect(result < 0, 0) && retry_is_ours(&retry))
		result = real.epoll_pwait2(
			epfd, events, maxevents, retry_left(&retry, timeout, &left), sigmask);
	loop_leave(loop);
	return result;
}

EXPORT int poll(struct pollfd *fds, nfds_t nfds, int timeout)
{
	struct loop *loop = loop_enter(-1, WAIT_POLL);
	struct retry retry = retry_begin(loop);
	int result = REAL(poll)(fds, nfds, timeout);

	while (__builtin_expect(result < 0, 0) && retry_is_ours(&retry))
		result = real.poll(fds, nfds, retry_left_ms(&retry, timeout));
	loop_leave(loop);
	return result;
}

EXPORT int __poll_chk(struct pollfd *fds, nfds_t nfds, int timeout, size_t size)
{
	struct loop *loop = loop_enter(-1, WAIT_POLL);
	struct retry retry = retry_begin(loop);
	int result = REAL(__poll_chk)(fds, nfds, timeout, size);

	while (__builtin_expect(result < 0, 0) && retry_is_ours(&retry))
		result = real.__poll_chk(fds, nfds, retry_left_ms(&retry, timeout), size);
	loop_leave(loop);
	return result;
}

EXPORT int ppoll(
	struct pollfd *fds, nfds_t nfds, const struct timespec *timeout, const sigset_t *sigmask)
{
	struct loop *loop = loop_enter(-1, WAIT_POLL);
	struct retry retry = retry_begin(loop);
	struct timespec left;
	int result = REAL(ppoll)(fds, nfds, timeout, sigmask);

	while (__builtin_expect(result < 0, 0) && retry_is_ours(&retry))
		result = real.ppoll(fds, nfds, retry_left(&retry, timeout, &left), sigmask);
	loop_leave(loop);
	return result;
}

EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t nfds, const struct timespec *timeout,
	const sigset_t *sigmask, size_t size)
{
	struct loop *loop = loop_enter(-1, WAIT_POLL);
	struct retry retry = retry_begin(loop);
	struct timespec left;
	int result = REAL(__ppoll_chk)(fds, nfds, timeout, sigmask, size);

	while (__builtin_expect(result < 0, 0) && retry_is_ours(&retry))
		result = real.__ppoll_chk(
			fds, nfds, retry_left(&retry, timeout, &left), sigmask, size);
	loop_leave(loop);
	return result;
}

/*
 * Linux writes the remaining time back into select's timeout, and leaves the sets alone on failure,
 * so that an interrupted call is continued by simply making it again.
 */
EXPORT int select(
	int nfds, fd_set *readfds, fd_set *writefds, fd_set *exceptfds, struct timeval *timeout)
{
	struct loop *loop = loop_enter(-1, WAIT_SELECT);
	struct retry retry = retry_begin(loop);
	int result = REAL(select)(nfds, readfds, writefds, exceptfds, timeout);

	while (__builtin_expect(result < 0, 0) && retry_is_ours(&retry))
		result = real.select(nfds, readfds, writefds, exceptfds, timeout);
	loop_leave(loop);
	return result;
}

EXPORT int pselect(int nfds, fd_set *readfds, fd_set *writefds, fd_set *exceptfds,
	const struct timespec *timeout, const sigset_t *sigmask)
{
	struct loop *loop = loop_enter(-1, WAIT_SELECT);
	struct retry retry = retry_begin(loop);
	struct timespec left;
	int result = REAL(pselect)(nfds, readfds, writefds, exceptfds, timeout, sigmask);

	while (__builtin_expect(result < 0, 0) && retry_is_ours(&retry))
		result = real.pselect(nfds, readfds, writefds, exceptfds,
			retry_left(&retry, timeout, &left), sigmask);
	loop_leave(loop);
	return result;
}
