/* SPDX-License-Identifier: Apache-2.0 */
/*
 * perf.h - perf events on one thread of another process, and the ring that the kernel writes their
 * records to. No eBPF: this works for the own user's processes where kernel.perf_event_paranoid is
 * 2 or less, and with CAP_PERFMON.
 *
 * Tier C. Data: perf_event_open(2) -> records as they are in linux/perf_event.h.
 */
#pragma once

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Opens an event on a thread, wherever that runs. Returns the descriptor or a negative errno. */
int perf_open(const struct perf_event_attr *attributes, pid_t tid);

struct perf_ring {
	struct perf_event_mmap_page *head; /* null: not open */
	size_t bytes;                      /* of the records' part: a power of two */
};

/* `pages`: a power of two. Returns 0 or a negative errno. */
int perf_ring_open(struct perf_ring *ret, int fd, size_t pages);
void perf_ring_close(struct perf_ring *ring);
/* Takes the oldest record; what is behind `size` bytes is dropped. False: there is none. */
bool perf_ring_next(struct perf_ring *ring, void *record, size_t size);
