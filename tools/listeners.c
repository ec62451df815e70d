/* SPDX-License-Identifier: Apache-2.0 */
/* listeners.c - see listeners.h. Tier C. */
#include "listeners.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	STATE_ESTABLISHED = 1, /* TCP_ESTABLISHED, include/net/tcp_states.h */
	STATE_LISTEN = 10,     /* TCP_LISTEN */
	CONNECTIONS_MAX = 8192,
	FLAG_ACCEPTS = 0x10000 /* __SO_ACCEPTCON, include/uapi/linux/net.h */
};

/* An address as the kernel prints it: words of 32 bits in the machine's order, as hex. */
static bool parse_address(const char *text, char *ret, size_t size)
{
	size_t length = strlen(text), words = length / 8;
	uint32_t address[4];

	if (length != 8 && length != 32)
		return false;
	for (size_t i = 0; i < words; i++) {
		if (sscanf(text + 8 * i, "%8" SCNx32, address + i) != 1)
			return false;
	}
	return inet_ntop(words == 1 ? AF_INET : AF_INET6, address, ret, (socklen_t)size) != NULL;
}

/* Returns the socket's state, or -EINVAL. */
static int parse_tcp(const char *line, struct listener *ret)
{
	unsigned port, state;
	char address[33];

	/* SLOT: LOCAL:PORT REMOTE:PORT STATE QUEUES TIMER RETRANSMITS UID TIMEOUT INODE
	 * (net/ipv4/tcp_ipv4.c, net/ipv6/tcp_ipv6.c) */
	if (sscanf(line, " %*u: %32[0-9A-Fa-f]:%4x %*s %x %*s %*s %*s %*s %*s %" SCNu64, address,
		    &port, &state, &ret->inode) != 4 ||
		!parse_address(address, ret->address, sizeof(ret->address)))
		return -EINVAL;
	ret->port = (uint16_t)port;
	return (int)(state & 0xff);
}

int listener_parse_tcp(const char *line, struct listener *ret)
{
	int state = parse_tcp(line, ret);

	return state < 0 ? state : state == STATE_LISTEN;
}

int listener_parse_unix(const char *line, struct listener *ret)
{
	unsigned flags;
	int before = 0;

	/* NUM: REFCOUNT PROTOCOL FLAGS TYPE STATE INODE NAME (net/unix/af_unix.c) */
	if (sscanf(line, "%*[0-9a-fA-F]: %*x %*x %x %*x %*x %" SCNu64 " %n", &flags, &ret->inode,
		    &before) != 2 ||
		!before)
		return -EINVAL;
	ret->port = 0;
	snprintf(ret->address, sizeof(ret->address), "%.*s", (int)strcspn(line + before, "\n"),
		line + before);
	return (flags & FLAG_ACCEPTS) != 0;
}

struct table {
	const char *name;
	int (*parse)(const char *line, struct listener *ret);
	bool listeners_first; /* the kernel lists what listens before all else */
};

static int add(struct listeners *listeners, const struct listener *listener)
{
	/* Grown when the count is a power of two. */
	if ((listeners->count & (listeners->count - 1)) == 0) {
		struct listener *more = reallocarray(listeners->entries,
			listeners->count ? 2 * listeners->count : 1, sizeof(*more));

		if (!more)
			return -ENOMEM;
		listeners->entries = more;
	}
	listeners->entries[listeners->count++] = *listener;
	return 0;
}

static int load_table(pid_t pid, const struct table *table, struct listeners *ret)
{
	char path[64], *line = NULL;
	struct listener listener;
	size_t size = 0;
	int result = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/net/%s", (int)pid, table->name);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (result == 0 && getline(&line, &size, file) > 0) {
		int listens = table->parse(line, &listener);

		if (listens > 0)
			result = add(ret, &listener);
		else if (listens == 0 && table->listeners_first)
			break; /* a server's 50,000 connections need not be read */
	}
	free(line);
	fclose(file);
	return result;
}

static int compare(const void *left, const void *right)
{
	uint64_t a = ((const struct listener *)left)->inode;
	uint64_t b = ((const struct listener *)right)->inode;

	return (a > b) - (a < b);
}

int listeners_load(pid_t pid, struct listeners *ret)
{
	static const struct table tables[] = {
		{"tcp", listener_parse_tcp, true}, /* tcp_get_idx in net/ipv4/tcp_ipv4.c */
		{"tcp6", listener_parse_tcp, true},
		{"unix", listener_parse_unix, false},
	};
	int result = 0;

	*ret = (struct listeners){0};
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && result == 0; i++) {
		result = load_table(pid, tables + i, ret);
		if (result == -ENOENT && i > 0)
			result = 0; /* a kernel without it */
	}
	if (ret->count)
		qsort(ret->entries, ret->count, sizeof(*ret->entries), compare);
	return result;
}

static int compare_inodes(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

static bool is_listened_on(const struct listeners *listeners, uint16_t port)
{
	for (size_t i = 0; i < listeners->count; i++) {
		if (listeners->entries[i].port == port)
			return true;
	}
	return false;
}

static bool table_serves(
	const char *path, const struct listeners *listeners, const uint64_t *sockets, size_t count)
{
	FILE *file = fopen(path, "re");
	bool serves = false;
	char *line = NULL;
	size_t size = 0;

	for (int i = 0; file && !serves && i < CONNECTIONS_MAX && getline(&line, &size, file) > 0;
		i++) {
		struct listener socket;

		serves = parse_tcp(line, &socket) == STATE_ESTABLISHED &&
			 bsearch(&socket.inode, sockets, count, sizeof(*sockets), compare_inodes) &&
			 is_listened_on(listeners, socket.port);
	}
	free(line);
	if (file)
		fclose(file);
	return serves;
}

bool listeners_serve(const struct listeners *listeners, pid_t pid, uint64_t *sockets, size_t count)
{
	static const char *const tables[] = {"tcp", "tcp6"};
	bool serves = false;

	qsort(sockets, count, sizeof(*sockets), compare_inodes);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && !serves; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/%d/net/%s", (int)pid, tables[i]);
		serves = table_serves(path, listeners, sockets, count);
	}
	return serves;
}

void listeners_done(struct listeners *listeners)
{
	free(listeners->entries);
	*listeners = (struct listeners){0};
}

const struct listener *listeners_find(const struct listeners *listeners, uint64_t inode)
{
	const struct listener key = {.inode = inode};

	if (!listeners->count)
		return NULL;
	return bsearch(&key, listeners->entries, listeners->count, sizeof(key), compare);
}

void listener_describe(const struct listener *listener, char *ret, size_t size)
{
	const char *address = listener->address;

	if (!listener->port)
		snprintf(ret, size, "unix:%s", address);
	else if (strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0)
		snprintf(ret, size, "*:%u", listener->port);
	else
		snprintf(ret, size, strchr(address, ':') ? "[%s]:%u" : "%s:%u", address,
			listener->port);
}
