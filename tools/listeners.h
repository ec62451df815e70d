/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listeners.h - the sockets that are listened on in a network namespace: TCP over IPv4 and IPv6,
 * and unix sockets. A process is joined with them by the inodes of its descriptors.
 *
 * Tier C. Data: /proc/PID/net/{tcp,tcp6,unix} -> a table by inode.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct listener {
	uint64_t inode;
	uint16_t port;     /* 0: a unix socket */
	char address[110]; /* "127.0.0.1", "::"; a path, or '@' and an abstract name: may hold
			      anything */
};

struct listeners {
	struct listener *entries; /* owned; ascending by inode */
	size_t count;
};

/*
 * What is listened on in the network namespace of a process. Returns 0 or a negative errno;
 * listeners_done in either case. A protocol that the kernel lacks is left out.
 */
int listeners_load(pid_t pid, struct listeners *ret);
void listeners_done(struct listeners *listeners);
/* Null if the inode is of no listening socket; borrowed until done. */
const struct listener *listeners_find(const struct listeners *listeners, uint64_t inode);
/*
 * Whether one of these sockets of a process (inodes, which are sorted) is a TCP connection that
 * came in: to a port that is listened on here. Looks at some thousand connections and no more.
 */
bool listeners_serve(const struct listeners *listeners, pid_t pid, uint64_t *sockets, size_t count);
/* "127.0.0.1:3000", "[::1]:3000", "*:3000" for all addresses, "unix:/run/app.sock". */
void listener_describe(const struct listener *listener, char *ret, size_t size);

/*
 * For tests: read one line of a table. Return 1; 0 for a socket that does not listen; -EINVAL for
 * what is no socket's line, such as the heading.
 */
int listener_parse_tcp(const char *line, struct listener *ret); /* tcp and tcp6 */
int listener_parse_unix(const char *line, struct listener *ret);
