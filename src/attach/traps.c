/* SPDX-License-Identifier: Apache-2.0 */
#include "traps.h"

#include <asm/perf_regs.h>
#include <errno.h>
#include <linux/hw_breakpoint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { RING_PAGES = 1 };

/* What attributes of ours ask for, in the order of linux/perf_event.h. */
struct record {
	struct perf_event_header header;
	uint64_t ip, time_ns, abi, rax, rdi;
};

_Static_assert(
	sizeof(struct record) * TRAPS_MAX * TRAPS_HITS < 4096, "all hits have room in the ring");

void traps_init(struct traps *traps, pid_t tid)
{
	*traps = (struct traps){.tid = tid, .carrier = -1};
	for (size_t i = 0; i < TRAPS_MAX; i++)
		traps->traps[i].fd = -1;
}

static void drop(struct trap *trap)
{
	if (trap->fd >= 0)
		close(trap->fd);
	trap->fd = -1;
}

void traps_done(struct traps *traps)
{
	for (size_t i = 0; i < TRAPS_MAX; i++)
		drop(&traps->traps[i]);
	perf_ring_close(&traps->ring);
	if (traps->carrier >= 0)
		close(traps->carrier);
	traps_init(traps, traps->tid);
}

static int open_carrier(struct traps *traps)
{
	struct perf_event_attr attributes = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attributes),
		.config = PERF_COUNT_SW_DUMMY,
		.exclude_kernel = 1,
		.exclude_hv = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
	};
	int error;

	if (traps->carrier >= 0)
		return 0;
	traps->carrier = perf_open(&attributes, traps->tid);
	if (traps->carrier < 0) {
		error = traps->carrier;
		traps->carrier = -1;
		return error;
	}
	error = perf_ring_open(&traps->ring, traps->carrier, RING_PAGES);
	if (error)
		traps_done(traps);
	return error;
}

/* A new event each time, as some kernels (6.18) never wake one that has reached its limit. */
static int open_trap(const struct traps *traps, struct trap *trap)
{
	struct perf_event_attr attributes = {
		.type = PERF_TYPE_BREAKPOINT,
		.size = sizeof(attributes),
		.bp_type = HW_BREAKPOINT_X,
		.bp_addr = trap->address,
		.bp_len = sizeof(long),
		.sample_period = 1,
		.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TIME | PERF_SAMPLE_REGS_USER,
		.sample_regs_user = 1 << PERF_REG_X86_AX | 1 << PERF_REG_X86_DI,
		.exclude_kernel = 1,
		.exclude_hv = 1,
		.disabled = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
	};

	trap->hits = 0;
	trap->fd = perf_open(&attributes, traps->tid);
	if (trap->fd < 0)
		return trap->fd;
	if (ioctl(trap->fd, PERF_EVENT_IOC_SET_OUTPUT, traps->carrier) ||
		ioctl(trap->fd, PERF_EVENT_IOC_REFRESH, TRAPS_HITS))
		return -errno;
	return 0;
}

static int set_one(const struct traps *traps, struct trap *trap)
{
	int error;

	if (trap->fd >= 0 && trap->hits < TRAPS_HITS)
		return ioctl(trap->fd, PERF_EVENT_IOC_ENABLE, 0) ? -errno : 0;
	drop(trap);
	error = open_trap(traps, trap);
	if (error)
		drop(trap);
	return error;
}

int traps_set(struct traps *traps, const uint64_t *addresses, size_t count)
{
	struct trap_hit stale;
	int error;

	if (traps->is_set && traps->count == count)
		return 0;
	error = open_carrier(traps);
	while (traps_next(traps, &stale))
		;
	for (size_t i = 0; !error && i < count; i++) {
		traps->traps[i].address = addresses[i];
		error = set_one(traps, &traps->traps[i]);
	}
	if (error) {
		traps_unset(traps);
		return error;
	}
	traps->count = count;
	traps->is_set = true;
	return 0;
}

void traps_unset(struct traps *traps)
{
	traps->is_set = false;
	for (size_t i = 0; i < TRAPS_MAX; i++) {
		if (traps->traps[i].fd >= 0)
			ioctl(traps->traps[i].fd, PERF_EVENT_IOC_DISABLE, 0);
	}
}

bool traps_next(struct traps *traps, struct trap_hit *ret)
{
	struct record record;

	while (perf_ring_next(&traps->ring, &record, sizeof(record))) {
		if (record.header.type != PERF_RECORD_SAMPLE ||
			record.abi == PERF_SAMPLE_REGS_ABI_NONE)
			continue;
		for (size_t i = 0; i < TRAPS_MAX; i++) {
			struct trap *trap = &traps->traps[i];

			if (trap->fd >= 0 && trap->address == record.ip &&
				++trap->hits >= TRAPS_HITS)
				traps->is_set = false;
		}
		*ret = (struct trap_hit){
			.time_ns = record.time_ns,
			.call = (int64_t)record.rax,
			.argument = record.rdi,
		};
		return true;
	}
	return false;
}
