/* SPDX-License-Identifier: Apache-2.0 */
#include "stack_clock.h"

#include <asm/perf_regs.h>
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { RING_PAGES = 64 /* seven samples: more than between two looks */ };

/* The kernel's numbers of the registers, in DWARF's order. */
static const uint8_t wanted[STALL_REGISTERS] = {PERF_REG_X86_AX, PERF_REG_X86_DX, PERF_REG_X86_CX,
	PERF_REG_X86_BX, PERF_REG_X86_SI, PERF_REG_X86_DI, PERF_REG_X86_BP, PERF_REG_X86_SP,
	PERF_REG_X86_R8, PERF_REG_X86_R9, PERF_REG_X86_R10, PERF_REG_X86_R11, PERF_REG_X86_R12,
	PERF_REG_X86_R13, PERF_REG_X86_R14, PERF_REG_X86_R15, PERF_REG_X86_IP};

/* In the order of linux/perf_event.h; behind the stack, how much of it was copied. */
struct record {
	struct perf_event_header header;
	uint64_t time_ns, abi, registers[STALL_REGISTERS], stack_bytes;
	uint8_t stack[STALL_STACK_BYTES];
	uint64_t copied;
};

static uint64_t mask(void)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < STALL_REGISTERS; i++)
		bits |= 1ull << wanted[i];
	return bits;
}

void stack_clock_init(struct stack_clock *clock)
{
	*clock = (struct stack_clock){.fd = -1};
}

int stack_clock_open(struct stack_clock *clock, pid_t tid, uint64_t interval_ns)
{
	struct perf_event_attr attributes = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attributes),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = interval_ns,
		.sample_type = PERF_SAMPLE_TIME | PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER,
		.sample_regs_user = mask(),
		.sample_stack_user = STALL_STACK_BYTES,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
	};
	int error;

	if (clock->fd >= 0)
		return 0;
	/* In the kernel, too, where that is allowed: the thread's own registers all the same. */
	clock->fd = perf_open(&attributes, tid);
	if (clock->fd == -EACCES || clock->fd == -EPERM) {
		attributes.exclude_kernel = attributes.exclude_hv = 1;
		clock->fd = perf_open(&attributes, tid);
	}
	if (clock->fd < 0) {
		error = clock->fd;
		clock->fd = -1;
		return error;
	}
	error = perf_ring_open(&clock->ring, clock->fd, RING_PAGES);
	if (error)
		stack_clock_close(clock);
	return error;
}

void stack_clock_close(struct stack_clock *clock)
{
	perf_ring_close(&clock->ring);
	if (clock->fd >= 0)
		close(clock->fd);
	clock->fd = -1;
}

/* The registers are told in the order of the kernel's numbers. */
static void sort_registers(const uint64_t *from, __u64 *to)
{
	uint64_t bits = mask();

	for (size_t i = 0; i < STALL_REGISTERS; i++)
		to[i] = from[__builtin_popcountll(bits & ((1ull << wanted[i]) - 1))];
}

static bool convert(const struct record *record, struct stall_sample *ret)
{
	uint64_t length = record->copied;

	if (record->header.type != PERF_RECORD_SAMPLE || record->header.size < sizeof(*record) ||
		record->abi != PERF_SAMPLE_REGS_ABI_64 || record->stack_bytes != STALL_STACK_BYTES)
		return false;
	sort_registers(record->registers, ret->registers);
	ret->record.time_ns = record->time_ns;
	ret->pieces_count = 0;
	ret->stack_start = ret->registers[7];
	ret->stack_length = (uint32_t)(length < STALL_STACK_BYTES ? length : STALL_STACK_BYTES);
	memcpy(ret->stack, record->stack, ret->stack_length);
	return true;
}

bool stack_clock_next(struct stack_clock *clock, struct stall_sample *ret)
{
	struct record record;

	while (perf_ring_next(&clock->ring, &record, sizeof(record))) {
		if (convert(&record, ret))
			return true;
	}
	return false;
}
