/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_demangle.c - any text as a name: no crash, no hang, and answers that keep the headers'
 * promises.
 *
 * The first byte chooses what the rest is: 'm' a symbol's name, 'c' a demangled name of C++, 'r'
 * one of Rust.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "demangle.h"
#include "qualified_name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds, const char *promise)
{
	if (holds)
		return;
	fprintf(stderr, "broken promise: %s\n", promise);
	abort();
}

static void try_symbol(const char *text)
{
	char *readable = demangle(text);

	require(readable != NULL, "a name is readable");
	require(strlen(readable) <= DEMANGLE_OUTPUT_MAX, "a readable name is bounded");
	free(readable);
}

static void try_name(const char *text, bool (*reduce)(const char *text, char *ret))
{
	char *name = malloc(strlen(text) + 1);

	require(name != NULL, "memory");
	if (reduce(text, name))
		require(name[0] && strlen(name) <= strlen(text), "a name is no longer than before");
	free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size == 0)
		return 0;
	text = malloc(size);
	require(text != NULL, "memory");
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch (data[0]) {
	case 'm':
		try_symbol(text);
		break;
	case 'c':
		try_name(text, qualified_name_cxx);
		break;
	case 'r':
		try_name(text, qualified_name_rust);
		break;
	default:
		break;
	}
	free(text);
	return 0;
}
