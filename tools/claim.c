/* SPDX-License-Identifier: Apache-2.0 */
/* claim.c - see claim.h. Tier C. */
#include "claim.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "procfs.h"

/* As /proc/net/unix shows it: '@' stands for the NUL that makes a name abstract. */
#define NAME "@holter.attach."

int claim_take(pid_t target)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct procfs_stat stat;
	int result = procfs_stat(target, &stat), fd, length;

	if (result < 0)
		return result == -ENOENT ? -ESRCH : result;
	length = snprintf(address.sun_path, sizeof(address.sun_path), NAME "%d.%" PRIu64 ".%d",
		(int)target, stat.start, (int)getpid());
	address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length)) < 0) {
		result = -errno;
		close(fd);
		return result;
	}
	return fd;
}

/* A number that ends at `end`, other than 0. Moves past both; 0 if there is none. */
static uint64_t parse_number(const char **text, char end)
{
	char *after;
	uint64_t value;

	if (**text < '1' || **text > '9')
		return 0;
	errno = 0;
	value = strtoull(*text, &after, 10);
	if (errno || *after != end)
		return 0;
	*text = after + 1;
	return value;
}

bool claim_parse(const char *line, struct claim *ret)
{
	uint64_t target, tool;
	const char *name;
	int before = 0;

	/* NUM: REFCOUNT PROTOCOL FLAGS TYPE STATE INODE NAME (net/unix/af_unix.c) */
	sscanf(line, "%*s %*s %*s %*s %*s %*s %*s %n", &before);
	name = line + before;
	if (strncmp(name, NAME, strlen(NAME)) != 0)
		return false;
	name += strlen(NAME);
	target = parse_number(&name, '.');
	ret->start = parse_number(&name, '.');
	tool = parse_number(&name, '\n');
	ret->target = (pid_t)target;
	ret->tool = (pid_t)tool;
	return target && ret->start && tool && target <= INT32_MAX && tool <= INT32_MAX;
}

int claims_load(struct claims *ret)
{
	FILE *file = fopen("/proc/net/unix", "re");
	size_t capacity = 0, size = 0;
	char *line = NULL;
	int result = 0;

	*ret = (struct claims){0};
	if (!file)
		return -errno;
	while (result == 0 && getline(&line, &size, file) > 0) {
		struct claim claim;

		if (!claim_parse(line, &claim))
			continue;
		if (ret->count == capacity) {
			struct claim *more;

			capacity = capacity ? 2 * capacity : 8;
			more = reallocarray(ret->entries, capacity, sizeof(*more));
			if (!more) {
				result = -ENOMEM;
				break;
			}
			ret->entries = more;
		}
		ret->entries[ret->count++] = claim;
	}
	free(line);
	fclose(file);
	return result;
}

void claims_done(struct claims *claims)
{
	free(claims->entries);
	*claims = (struct claims){0};
}

pid_t claims_find(const struct claims *claims, pid_t target, uint64_t start)
{
	pid_t self = getpid();

	for (size_t i = 0; i < claims->count; i++) {
		const struct claim *claim = claims->entries + i;

		if (claim->target == target && claim->start == start && claim->tool != self)
			return claim->tool;
	}
	return 0;
}

pid_t claim_other(pid_t target)
{
	struct procfs_stat stat;
	struct claims claims;
	pid_t tool = 0;

	if (procfs_stat(target, &stat) < 0)
		return 0;
	if (claims_load(&claims) == 0)
		tool = claims_find(&claims, target, stat.start);
	claims_done(&claims);
	return tool;
}
