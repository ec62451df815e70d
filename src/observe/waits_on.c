/* SPDX-License-Identifier: Apache-2.0 */
/*
 * waits_on.c - see waits_on.h. Sources: proc(5) (fd, net/tcp),
 * nptl/sysdeps/nptl/bits/struct_mutex.h of glibc (the mutex: lock word, count, owner).
 */
#include "waits_on.h"

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>

#include "format.h"
#include "memory.h"
#include "proc_path.h"
#include "sys.h"

enum {
	TABLE_BYTES_MAX = 1 << 20, /* of a table of connections: some 7,000, a few milliseconds */
	LINE_BYTES = 16 << 10,
	INODE_FIELD = 9,
	MUTEX_CONTENDED = 2,
};

/* The connection that was looked up last: a stall asks for the same one again and again. */
static struct {
	pid_t pid;
	uint64_t inode;
	char text[80];
} last;

static bool read_memory(pid_t pid, uint64_t address, void *to, size_t size)
{
	struct memory_process process;

	memory_process_init(&process, pid);
	return !memory_exact(&process.memory, address, to, size);
}

/* The descriptor that a call is about; -1: none, or several. */
static int descriptor_of(pid_t pid, const struct asleep *asleep)
{
	struct pollfd polled;

	switch (asleep->call) {
	case SYS_read:
	case SYS_write:
	case SYS_pread64:
	case SYS_pwrite64:
	case SYS_readv:
	case SYS_writev:
	case SYS_preadv:
	case SYS_pwritev:
	case SYS_recvfrom:
	case SYS_sendto:
	case SYS_recvmsg:
	case SYS_sendmsg:
	case SYS_connect:
	case SYS_accept:
	case SYS_accept4:
	case SYS_sendfile:
	case SYS_fsync:
	case SYS_fdatasync:
	case SYS_ftruncate:
	case SYS_fallocate:
	case SYS_flock:
	case SYS_fcntl:
	case SYS_ioctl:
	case SYS_getdents64:
		return (int)asleep->arguments[0];
	case SYS_poll:
	case SYS_ppoll:
		/* Clients of databases wait so, for their one connection. */
		if (asleep->arguments[1] == 1 &&
			read_memory(pid, asleep->arguments[0], &polled, sizeof(polled)))
			return polled.fd;
		return -1;
	default:
		return -1;
	}
}

/* "0100007F:1538": words of an address in the machine's order, and a port. */
static void format_peer(struct format *out, const char *at)
{
	uint64_t digits = 0, word, port = 0;
	uint8_t bytes[16];

	while (at[digits] && at[digits] != ':')
		digits++;
	if ((digits != 8 && digits != 32) || at[digits] != ':')
		return;
	for (size_t i = 0; i < digits / 8; i++) {
		char part[9] = {0};
		const char *hex = part;

		memcpy(part, at + i * 8, 8);
		if (!parse_hex(&hex, &word))
			return;
		memcpy(bytes + i * 4, &word, 4);
	}
	at += digits + 1;
	if (!parse_hex(&at, &port) || port == 0)
		return; /* it has no peer: it listens */
	format_text(out, " ");
	if (digits == 8 || !memcmp(bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12)) {
		const uint8_t *four = digits == 8 ? bytes : bytes + 12;

		for (size_t i = 0; i < 4; i++) {
			format_text(out, i ? "." : "");
			format_unsigned(out, four[i]);
		}
	} else {
		format_text(out, "[");
		for (size_t i = 0; i < 16; i += 2) {
			format_text(out, i ? ":" : "");
			format_hex(out, (uint64_t)bytes[i] << 8 | bytes[i + 1]);
		}
		format_text(out, "]");
	}
	format_text(out, ":");
	format_unsigned(out, port);
}

static const char *field_of(const char *line, int number)
{
	for (;;) {
		while (*line == ' ')
			line++;
		if (number-- == 0)
			return line;
		while (*line && *line != ' ')
			line++;
	}
}

/* Looks for an inode in one table of connections. */
static bool find_in_table(const char *table, uint64_t inode, struct format *out)
{
	static char buffer[LINE_BYTES];
	size_t used = 0, total = 0;
	bool found = false;
	int64_t got = 0;
	int fd = sys_open(table, O_RDONLY | O_CLOEXEC, 0);

	if (fd < 0)
		return false;
	while (!found && total < TABLE_BYTES_MAX &&
		(got = sys_read(fd, buffer + used, sizeof(buffer) - 1 - used)) > 0) {
		char *line = buffer, *end;

		total += (size_t)got;
		buffer[used += (size_t)got] = '\0';
		for (; !found && (end = strchr(line, '\n')); line = end + 1) {
			const char *at;
			uint64_t value = 0;

			*end = '\0';
			at = field_of(line, INODE_FIELD);
			if (!parse_unsigned(&at, &value) || value != inode)
				continue;
			found = true;
			format_text(out, "tcp");
			format_peer(out, field_of(line, 2));
		}
		used -= (size_t)(line - buffer);
		memmove(buffer, line, used);
	}
	sys_close(fd);
	return found;
}

static void format_socket(struct format *out, pid_t pid, uint64_t inode)
{
	if (pid != last.pid || inode != last.inode) {
		char four[PROC_PATH_BYTES], six[PROC_PATH_BYTES];
		struct format text;

		proc_path(four, sizeof(four), pid, "/net/tcp");
		proc_path(six, sizeof(six), pid, "/net/tcp6");
		format_init(&text, last.text, sizeof(last.text));
		if (!find_in_table(four, inode, &text) && !find_in_table(six, inode, &text))
			format_text(&text, "socket");
		last.pid = pid;
		last.inode = inode;
	}
	format_text(out, last.text);
}

/* What stands behind a descriptor: "/path", "pipe:[7]", "socket:[8]", "anon_inode:[eventfd]". */
static void format_descriptor(struct format *out, pid_t pid, int descriptor)
{
	char path[PROC_PATH_BYTES], target[WAITS_ON_MAX];
	struct format format = {.buffer = path, .size = sizeof(path)};
	int64_t length;
	uint64_t inode = 0;
	const char *at = target + strlen("socket:[");

	proc_path(path, sizeof(path), pid, "/fd/");
	format.length = strlen(path);
	format_unsigned(&format, (uint64_t)descriptor);
	length = sys_readlink(path, target, sizeof(target) - 1);
	if (length <= 0)
		return;
	target[length] = '\0';
	if (target[0] == '/')
		format_text(out, target);
	else if (!strncmp(target, "pipe:", 5))
		format_text(out, "pipe");
	else if (!strncmp(target, "socket:[", 8) && parse_unsigned(&at, &inode))
		format_socket(out, pid, inode);
}

/* A normal mutex of the C library names its holder; other locks do not. */
static void format_lock(struct format *out, pid_t pid, uint64_t address)
{
	struct {
		uint32_t lock, count, owner;
	} mutex;
	char path[PROC_PATH_BYTES], name[32];
	int64_t length;

	if (!read_memory(pid, address, &mutex, sizeof(mutex)) || mutex.lock != MUTEX_CONTENDED ||
		mutex.owner == 0)
		return;
	proc_path_task(path, sizeof(path), pid, mutex.owner, "/comm");
	length = sys_read_file(path, name, sizeof(name));
	if (length <= 1)
		return;
	name[length - 1] = '\0';
	format_text(out, "mutex held by thread ");
	format_unsigned(out, mutex.owner);
	format_text(out, " (");
	format_text(out, name);
	format_text(out, ")");
}

size_t waits_on(pid_t pid, const struct asleep *asleep, char *text, size_t size)
{
	int descriptor;
	struct format out;

	format_init(&out, text, size);
	if (asleep->call < 0)
		return 0;
	descriptor = descriptor_of(pid, asleep);
	if (descriptor >= 0)
		format_descriptor(&out, pid, descriptor);
	else if (asleep->call == SYS_futex)
		format_lock(&out, pid, asleep->arguments[0]);
	return strlen(text);
}
