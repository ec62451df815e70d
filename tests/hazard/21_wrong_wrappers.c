/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 21_wrong_wrappers.c - the wrong design that hazard 21 is about, as a preload: wrappers that are
 * almost right. One passes a timeout on as a copy, one changes errno.
 */
#include <errno.h>
#include <poll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

int select(int count, fd_set *reading, fd_set *writing, fd_set *failing, struct timeval *timeout)
{
	struct timeval copy = timeout ? *timeout : (struct timeval){0};

	return (int)syscall(SYS_select, count, reading, writing, failing, timeout ? &copy : NULL);
}

int poll(struct pollfd *descriptors, nfds_t count, int timeout)
{
	int result = (int)syscall(SYS_poll, descriptors, count, timeout);

	if (result >= 0)
		errno = 0;
	return result;
}
