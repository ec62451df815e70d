/* SPDX-License-Identifier: Apache-2.0 */
/* crc32c.h - CRC-32C (Castagnoli, RFC 3720 appendix B.4). Tier A. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Continues `crc` (0 to begin) over length bytes. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t length);
