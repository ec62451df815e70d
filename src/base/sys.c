/* SPDX-License-Identifier: Apache-2.0 */
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <time.h>

int sys_futex_wait_until(const uint32_t *word, uint32_t value, uint64_t deadline_ns)
{
	struct timespec deadline = {
		.tv_sec = (time_t)(deadline_ns / 1000000000),
		.tv_nsec = (long)(deadline_ns % 1000000000),
	};

	/* The bitset variant takes an absolute CLOCK_MONOTONIC time, so a retry needs no
	 * arithmetic. */
	return (int)sys_call6(SYS_futex, (uint64_t)(uintptr_t)word,
		FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, value, (uint64_t)(uintptr_t)&deadline, 0,
		FUTEX_BITSET_MATCH_ANY);
}

int sys_futex_wake(const uint32_t *word)
{
	return (int)sys_call3(
		SYS_futex, (uint64_t)(uintptr_t)word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1);
}

int64_t sys_read_file(const char *path, char *buffer, size_t size)
{
	int64_t length = 0, got;
	int fd = sys_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);

	if (fd < 0)
		return fd;
	while ((size_t)length < size - 1) {
		got = sys_read(fd, buffer + length, size - 1 - (size_t)length);
		if (got == -EINTR)
			continue;
		if (got < 0) {
			sys_close(fd);
			return got;
		}
		if (got == 0)
			break;
		length += got;
	}
	sys_close(fd);
	buffer[length] = '\0';
	return length;
}
