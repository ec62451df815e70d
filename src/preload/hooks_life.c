/* SPDX-License-Identifier: Apache-2.0 */
/* hooks_life.c - the call by which a process becomes a server: the end of start-up. Tier B. */
#include <errno.h>

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
