/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.h - an ELF image as the loader has mapped it: what can be learned about an executable or a
 * shared object from the memory of the process alone (program headers, build id, unwind table,
 * dynamic symbols through the GNU hash table). Bounded, and safe on hostile bytes: every read goes
 * through `struct memory` and every count is checked.
 * Tier A.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "maps.h"
#include "memory.h"

struct image {
	uint64_t bias;                                  /* address = bias + vaddr in the file */
	uint64_t start, end;                            /* lowest and highest loaded address */
	uint64_t eh_frame_header, eh_frame_header_size; /* address; 0: none */
	uint64_t symbol_table, string_table, gnu_hash;  /* addresses; 0: none */
	uint64_t string_size;
	uint8_t build_id[32];
	uint8_t build_id_length; /* 0: none */
};

/*
 * Describes the image whose ELF header is mapped at `base` (the start of its first mapping, file
 * offset 0). Returns 0; -ENOEXEC if there is no 64-bit little-endian x86-64 ELF image; -EFAULT.
 */
int image_open(struct image *ret, struct memory *memory, uint64_t base);
/*
 * Finds the first mapping (file offset 0) of the file that `map` belongs to. Returns it, or null.
 */
const struct map *image_first_map(const struct maps *maps, const struct map *map);
/*
 * Looks a defined dynamic symbol up by name. Returns 0 and its run-time address and size; -ENOENT.
 */
int image_symbol(const struct image *image, struct memory *memory, const char *name,
	uint64_t *ret_address, uint64_t *ret_size);
