/* SPDX-License-Identifier: Apache-2.0 */
#include "polled.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "format.h"
#include "proc_path.h"
#include "sys.h"

enum { PAGE_BYTES = 4096, WORD_BYTES = 8 };

#define NO_PAGE UINTPTR_MAX

/* The kernel reads the signal set before it looks at what to do with it (kernel/signal.c), and
 * there is no such thing to do: EINVAL says that eight bytes could be read. */
static bool is_readable(uintptr_t address)
{
	return sys_call6(SYS_rt_sigprocmask, (uint64_t)-1, address & -(uintptr_t)WORD_BYTES, 0,
		       WORD_BYTES, 0, 0) == -EINVAL;
}

/* The same of some bytes, fewer than a page. `proven` is a page of which it is known. */
static bool are_readable(const void *start, size_t length, uintptr_t *proven)
{
	uintptr_t first = (uintptr_t)start, last = first + length - 1;

	if (last < first)
		return false;
	if (first / PAGE_BYTES != *proven && !is_readable(first))
		return false;
	*proven = first / PAGE_BYTES;
	if (last / PAGE_BYTES != *proven && !is_readable(last))
		return false;
	*proven = last / PAGE_BYTES;
	return true;
}

bool polled_entries(struct wait_list *ret, const struct pollfd *entries, nfds_t count)
{
	size_t looked_at = count < WAIT_LIST_MAX ? count : WAIT_LIST_MAX;
	uintptr_t proven = NO_PAGE;

	if (looked_at && !are_readable(entries, looked_at * sizeof(*entries), &proven))
		return false;
	wait_list_of_entries(ret, entries, looked_at);
	return true;
}

bool polled_sets(struct wait_list *ret, int limit, const fd_set *const sets[3])
{
	uint32_t looked_at = limit < WAIT_SET_WORDS * 64 ? (uint32_t)limit : WAIT_SET_WORDS * 64;
	uint64_t words[WAIT_SET_WORDS] = {0}, one[WAIT_SET_WORDS];
	size_t count = (looked_at + 63) / 64;
	uintptr_t proven = NO_PAGE;

	if (limit < 0)
		return false;
	for (size_t i = 0; i < 3; i++) {
		if (!sets[i] || !count)
			continue;
		if (!are_readable(sets[i], count * WORD_BYTES, &proven))
			return false;
		memcpy(one, sets[i], count * WORD_BYTES);
		for (size_t word = 0; word < count; word++)
			words[word] |= one[word];
	}
	wait_list_of_words(ret, words, looked_at);
	return true;
}

bool polled_epoll_is_gone(uint32_t tid, int32_t descriptor)
{
	static const char epoll[] = "anon_inode:[eventpoll]";
	char path[PROC_PATH_BYTES], target[sizeof(epoll)];
	struct format format;
	struct stat status;
	int64_t length;

	/* Not by the process's own folder: its descriptors go with its first thread. */
	proc_path_task(path, sizeof(path), sys_getpid(), tid, "/fd/");
	if (sys_stat(path, &status))
		return false;
	format = (struct format){.buffer = path, .size = sizeof(path), .length = strlen(path)};
	format_unsigned(&format, (uint64_t)descriptor);
	length = sys_readlink(path, target, sizeof(target));
	return length == -ENOENT || (length > 0 && (length != sizeof(epoll) - 1 ||
							   memcmp(target, epoll, (size_t)length)));
}

bool polled_is_gone(const struct wait_set *set)
{
	for (uint32_t i = 0; i < set->count; i++) {
		if (sys_fcntl(set->descriptors[i], F_GETFD, 0) >= 0)
			return false;
	}
	return true;
}

static bool listens(int32_t descriptor)
{
	int answer = 0;
	socklen_t length = sizeof(answer);

	return sys_call6(SYS_getsockopt, (uint64_t)descriptor, SOL_SOCKET, SO_ACCEPTCONN,
		       (uint64_t)(uintptr_t)&answer, (uint64_t)(uintptr_t)&length, 0) == 0 &&
	       answer;
}

void polled_begin(struct wait_set *ret, const struct wait_list *list)
{
	ret->count = 0;
	for (uint32_t i = 0; i < list->count; i++) {
		if (listens(list->descriptors[i])) {
			wait_set_begin(ret, list->descriptors[i]);
			break;
		}
	}
	wait_set_renew(ret, list);
}

uint32_t polled_rank(const struct wait_set *set)
{
	return set->count && listens(set->descriptors[0]) ? POLLED_LISTENS : set->count;
}
