/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crc32c.c - see crc32c.h. By the processor's own instruction where it has one (SSE 4.2: all but
 * the oldest), because checking is half of what loading a recording costs; else by a table. Tier A.
 */
#include "crc32c.h"

#include <cpuid.h>
#include <nmmintrin.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

/* One nibble at a time: the table is 64 bytes and needs no initialisation. */
static const uint32_t nibble_table[16] = {
	0x00000000,
	0x105ec76f,
	0x20bd8ede,
	0x30e349b1,
	0x417b1dbc,
	0x5125dad3,
	0x61c69362,
	0x7198540d,
	0x82f63b78,
	0x92a8fc17,
	0xa24bb5a6,
	0xb21572c9,
	0xc38d26c4,
	0xd3d3e1ab,
	0xe330a81a,
	0xf36e6f75,
};

static uint32_t by_table(uint32_t crc, const uint8_t *byte, size_t length)
{
	while (length--) {
		crc ^= *byte++;
		crc = (crc >> 4) ^ nibble_table[crc & 15];
		crc = (crc >> 4) ^ nibble_table[crc & 15];
	}
	return crc;
}

__attribute__((target("sse4.2"))) static uint32_t by_instruction(
	uint32_t crc, const uint8_t *byte, size_t length)
{
	for (; length >= sizeof(uint64_t); length -= sizeof(uint64_t), byte += sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, byte, sizeof(word));
		crc = (uint32_t)_mm_crc32_u64(crc, word);
	}
	while (length--)
		crc = _mm_crc32_u8(crc, *byte++);
	return crc;
}

/* Asked once: under a hypervisor the question itself takes microseconds. */
static bool has_instruction(void)
{
	enum { UNKNOWN, ABSENT, PRESENT };
	static atomic_int answer = UNKNOWN; /* relaxed: every thread would find the same */
	int known = atomic_load_explicit(&answer, memory_order_relaxed);
	unsigned eax, ebx, ecx = 0, edx;

	if (known == UNKNOWN) {
		known = __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_SSE4_2) ? PRESENT
										     : ABSENT;
		atomic_store_explicit(&answer, known, memory_order_relaxed);
	}
	return known == PRESENT;
}

uint32_t crc32c(uint32_t crc, const void *bytes, size_t length)
{
	return ~(has_instruction() ? by_instruction : by_table)(~crc, bytes, length);
}
