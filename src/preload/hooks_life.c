/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hooks_life.c - the calls by which a process becomes a server, which ends start-up, those by which
 * one that was started as root becomes another user's, and those by which it forbids itself
 * system calls. Tier B.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "export.h"
#include "life.h"
#include "real.h"
#include "sys.h"

EXPORT int listen(int socket, int backlog)
{
	int result = REAL(listen)(socket, backlog), saved = errno;

	if (!result)
		life_listened();
	errno = saved;
	return result;
}

/*
 * A process that listens nowhere itself serves from its first connection on: it was handed a socket
 * that listens (by its parent, or by socket activation), or is handed one connection after the
 * other, as the workers of Node's cluster are.
 */
static void received(int saved)
{
	life_listened();
	errno = saved;
}

static bool may_become_server(void)
{
	return !life_server_since_ns() && life_may_record();
}

EXPORT int accept(int socket, __SOCKADDR_ARG address, socklen_t *length)
{
	int result = REAL(accept)(socket, address, length);

	if (result >= 0 && may_become_server())
		received(errno);
	return result;
}

EXPORT int accept4(int socket, __SOCKADDR_ARG address, socklen_t *length, int flags)
{
	int result = REAL(accept4)(socket, address, length, flags);

	if (result >= 0 && may_become_server())
		received(errno);
	return result;
}

static int socket_option(int socket, int option)
{
	int value = 0;
	socklen_t length = sizeof(value);

	return sys_call6(SYS_getsockopt, (uint64_t)socket, SOL_SOCKET, (uint64_t)option,
		       (uint64_t)(uintptr_t)&value, (uint64_t)(uintptr_t)&length, 0) == 0
		       ? value
		       : -1;
}

/* A connection of the network, or a socket that listens; programs send each other many things. */
static bool brings_connection(struct msghdr *message)
{
	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part;
		part = CMSG_NXTHDR(message, part)) {
		int socket, domain;

		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS ||
			part->cmsg_len < CMSG_LEN(sizeof(socket)))
			continue;
		memcpy(&socket, CMSG_DATA(part), sizeof(socket));
		domain = socket_option(socket, SO_DOMAIN);
		if (socket_option(socket, SO_TYPE) == SOCK_STREAM &&
			(domain == AF_INET || domain == AF_INET6 ||
				socket_option(socket, SO_ACCEPTCONN) == 1))
			return true;
	}
	return false;
}

EXPORT ssize_t recvmsg(int socket, struct msghdr *message, int flags)
{
	ssize_t result = REAL(recvmsg)(socket, message, flags);

	if (result >= 0 && message->msg_controllen && may_become_server() &&
		brings_connection(message))
		received(errno);
	return result;
}

static void about_to_become(uid_t user)
{
	if (life_may_record() && user != 0 && user != (uid_t)-1 && geteuid() == 0)
		life_before_drop(user);
}

EXPORT int setuid(uid_t user)
{
	about_to_become(user);
	return REAL(setuid)(user);
}

EXPORT int setreuid(uid_t real_user, uid_t effective)
{
	about_to_become(effective);
	return REAL(setreuid)(real_user, effective);
}

EXPORT int setresuid(uid_t real_user, uid_t effective, uid_t saved)
{
	about_to_become(effective);
	return REAL(setresuid)(real_user, effective, saved);
}

/*
 * Hazard 23: a filter that kills for a system call which the server does not make itself would kill
 * for Holter's. Most install theirs by prctl(2), or by syscall(2), because seccomp(2) has no
 * function of its own. (PR_SET_NO_NEW_PRIVS alone says nothing: haproxy sets it and filters
 * nothing. Nor does a filter at address 0: so programs ask whether there is seccomp, by
 * seccomp(2)'s own manual.)
 */
static void about_to_filter(void)
{
	life_stand_aside("the server restricts its system calls: Holter makes no more of its own");
}

/*
 * Before Holter has begun, these two make the call themselves: allocators use them while they start
 * (jemalloc's pages_boot), and a look-up of the original that fails allocates (hazard 19).
 */
static long result_of(int64_t result)
{
	if (result >= 0 || result < -4095)
		return result;
	errno = (int)-result;
	return -1;
}

EXPORT int prctl(int option, ...)
{
	unsigned long values[4];
	va_list arguments;

	va_start(arguments, option);
	for (int i = 0; i < 4; i++)
		values[i] = va_arg(arguments, unsigned long);
	va_end(arguments);
	if (option == PR_SET_SECCOMP && (values[0] == SECCOMP_MODE_STRICT || values[1]))
		about_to_filter();
	if (!real.prctl)
		return (int)result_of(sys_call6(SYS_prctl, (uint64_t)option, values[0], values[1],
			values[2], values[3], 0));
	return real.prctl(option, values[0], values[1], values[2], values[3]);
}

EXPORT long syscall(long number, ...)
{
	long values[6];
	va_list arguments;

	va_start(arguments, number);
	for (int i = 0; i < 6; i++)
		values[i] = va_arg(arguments, long);
	va_end(arguments);
	if (number == SYS_seccomp && (values[0] == SECCOMP_SET_MODE_STRICT ||
					     (values[0] == SECCOMP_SET_MODE_FILTER && values[2])))
		about_to_filter();
	if (!real.syscall)
		return result_of(sys_call6(number, (uint64_t)values[0], (uint64_t)values[1],
			(uint64_t)values[2], (uint64_t)values[3], (uint64_t)values[4],
			(uint64_t)values[5]));
	return real.syscall(
		number, values[0], values[1], values[2], values[3], values[4], values[5]);
}
