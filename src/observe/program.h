/* SPDX-License-Identifier: Apache-2.0 */
/*
 * program.h - which program a process runs. One file may be many programs (Debian's redis-server is
 * a link to redis-check-rdb), so it goes by the name that it was started under, where that is
 * still the running file. Tier B.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct program {
	char path[4096]; /* as the process itself sees it */
	uint64_t inode;  /* of its file; 0: not known */
};

/* `started`: the name given to execve (AT_EXECFN), or null. */
void program_identify(struct program *ret, pid_t pid, const char *started);
