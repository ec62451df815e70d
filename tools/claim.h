/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claim.h - which processes a `holter attach` is at work on, so that two tools on one process know
 * of each other. A claim is an abstract unix socket, bound and never listened on, whose name
 * is the claim: "@holter.attach.TARGET.START.TOOL". It vanishes with its descriptor, so that a tool
 * that was killed leaves nothing behind.
 *
 * Claims are advice. Anybody may bind such a name, so nothing may be refused because of one. They
 * are seen within one network namespace, and pids are those of who claims: a tool in another pid
 * namespace names the same process differently, and is not seen.
 *
 * Tier C. Data: bind(2), /proc/net/unix.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct claim {
	pid_t target, tool;
	uint64_t
		start; /* of the target, procfs.h: its pid may have been another process's before */
};

struct claims {
	struct claim *entries; /* owned */
	size_t count;
};

/*
 * Claims a process for the calling one. Returns a descriptor (close-on-exec) that the claim lasts
 * as long as; -ESRCH: there is no such process; -EADDRINUSE: we hold it already; or
 * another negative errno. Two that begin at once learn of each other if both claim first and look
 * then.
 */
int claim_take(pid_t target);
/* The tool, other than the calling process, that has claimed this process, or 0: who asks once. */
pid_t claim_other(pid_t target);

/* All claims that there are at this moment. Returns 0 or a negative errno; done in either case. */
int claims_load(struct claims *ret);
void claims_done(struct claims *claims);
/* The tool that has claimed a process, the calling one apart; 0: none. */
pid_t claims_find(const struct claims *claims, pid_t target, uint64_t start);

/* For tests: reads one line of /proc/net/unix. Returns whether it is a claim. */
bool claim_parse(const char *line, struct claim *ret);
