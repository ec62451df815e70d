/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hooks_life.c - the call by which a process becomes a server, which ends start-up, and those by
 * which one that was started as root becomes another user's. Tier B.
 */
#include <errno.h>
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
