/* SPDX-License-Identifier: Apache-2.0 */
#include "perf.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int perf_open(const struct perf_event_attr *attributes, pid_t tid)
{
	int fd = (int)syscall(SYS_perf_event_open, attributes, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static size_t page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

int perf_ring_open(struct perf_ring *ret, int fd, size_t pages)
{
	void *address =
		mmap(NULL, (pages + 1) * page_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (address == MAP_FAILED)
		return -errno;
	*ret = (struct perf_ring){.head = address, .bytes = pages * page_bytes()};
	return 0;
}

void perf_ring_close(struct perf_ring *ring)
{
	if (ring->head)
		munmap(ring->head, ring->bytes + page_bytes());
	ring->head = NULL;
}

/* Copies what may go around the ring's end. */
static void copy(const struct perf_ring *ring, uint64_t at, void *to, size_t length)
{
	const uint8_t *data = (const uint8_t *)ring->head + page_bytes();
	size_t offset = at & (ring->bytes - 1), first = ring->bytes - offset;

	if (first > length)
		first = length;
	memcpy(to, data + offset, first);
	memcpy((uint8_t *)to + first, data, length - first);
}

bool perf_ring_next(struct perf_ring *ring, void *record, size_t size)
{
	struct perf_event_header header;
	uint64_t tail, head;

	if (!ring->head)
		return false;
	tail = ring->head->data_tail;
	/* perf_event_open(2): the kernel writes data_head last, and waits for data_tail. */
	head = __atomic_load_n(&ring->head->data_head, __ATOMIC_ACQUIRE);
	if (head == tail)
		return false;
	copy(ring, tail, &header, sizeof(header));
	copy(ring, tail, record, header.size < size ? header.size : size);
	__atomic_store_n(&ring->head->data_tail, tail + header.size, __ATOMIC_RELEASE);
	return true;
}
