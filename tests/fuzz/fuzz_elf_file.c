/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_elf_file.c - any file taken for an ELF file: looking symbols up in it ends, and finds none
 * but what was asked for. In `holter attach` root does this with a file of the process's.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "elf_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_file_symbol symbols[] = {{.name = "first"}, {.name = "second"}, {.name = "f"}};
	int file = memfd_create("elf", MFD_CLOEXEC), result, found = 0;

	require(file >= 0 && write(file, data, size) == (ssize_t)size);
	result = elf_file_symbols(file, symbols, 3);
	for (size_t i = 0; i < 3; i++)
		found += symbols[i].found;
	require(result < 0 || result == found);
	close(file);
	return 0;
}
