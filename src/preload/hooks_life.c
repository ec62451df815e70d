/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hooks_life.c - the call by which a process becomes a server, which ends start-up, those by which
 * one that was started as root becomes another user's, and the one by which it forbids itself
 * system calls. Tier B.
 */
#include <errno.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "export.h"
#include "life.h"
#include "real.h"

EXPORT int listen(int socket, int backlog)
{
	int result = REAL(listen)(socket, backlog), saved = errno;

	if (!result)
		life_listened();
	errno = saved;
	return result;
}

static void about_to_become(uid_t user)
{
	if (user != 0 && user != (uid_t)-1 && geteuid() == 0)
		life_before_drop();
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
 * for Holter's. Every filter that is installed without privilege is announced by
 * PR_SET_NO_NEW_PRIVS, so that seccomp(2), which has no function to stand in front of, is met too.
 */
EXPORT int prctl(int option, ...)
{
	unsigned long values[4];
	va_list arguments;

	va_start(arguments, option);
	for (int i = 0; i < 4; i++)
		values[i] = va_arg(arguments, unsigned long);
	va_end(arguments);
	if (option == PR_SET_NO_NEW_PRIVS || option == PR_SET_SECCOMP)
		life_stand_aside("the server restricts its system calls: Holter makes no more of "
				 "its own");
	return REAL(prctl)(option, values[0], values[1], values[2], values[3]);
}
