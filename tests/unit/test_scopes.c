/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_scopes.c - what C++ functions without a name for the linker are called: all code of
 * tests/fixtures/symbol/scopes.cc, address by address.
 */
#include "suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "module.h"

#define SCOPES FIXTURES "/libscopes.so"

enum {
	FUNCTIONS_MAX = 64,
	LINE_MAX = 256,
};

struct function {
	char name[128];
	char file[256];
	uint32_t line;
	bool inlined, outlined;
};

static struct function functions[FUNCTIONS_MAX];
static size_t function_count;

static void note(const struct place *place, bool inlined)
{
	struct function function = {.line = place->function_line};
	size_t i = 0;

	snprintf(function.name, sizeof(function.name), "%s", place->name);
	snprintf(function.file, sizeof(function.file), "%s", place->file ? place->file : "");
	while (i < function_count && (strcmp(functions[i].name, function.name) != 0 ||
					     strcmp(functions[i].file, function.file) != 0 ||
					     functions[i].line != function.line))
		i++;
	if (i == function_count) {
		ck_assert_uint_lt(function_count, FUNCTIONS_MAX);
		functions[function_count++] = function;
	}
	functions[i].inlined |= inlined;
	functions[i].outlined |= !inlined;
}

static void read_all(void)
{
	struct module_source source = {
		.fd = open(SCOPES, O_RDONLY | O_CLOEXEC), .debug_fd = -1, .path = SCOPES};
	struct place places[PLACE_DEPTH_MAX];
	struct module *module;

	function_count = 0;
	ck_assert_int_ge(source.fd, 0);
	ck_assert_int_eq(module_open(&module, &source), 0);
	for (uint64_t offset = 0; offset < 1 << 16; offset++) {
		size_t count = module_lookup(module, offset, places);

		for (size_t i = 0; i < count; i++) {
			if (places[i].name && strstr(places[i].name, "shop"))
				note(&places[i], i + 1 < count);
		}
	}
	module_free(module);
	close(source.fd);
}

/* The line of scopes.cc with this text. */
static uint32_t line_of(const char *text)
{
	FILE *file = fopen(SCOPES_SOURCE, "re");
	char line[LINE_MAX];
	uint32_t number = 0;
	bool found = false;

	ck_assert_ptr_nonnull(file);
	while (!found && fgets(line, sizeof(line), file)) {
		number++;
		found = strstr(line, text) != NULL;
	}
	fclose(file);
	ck_assert_msg(found, "%s is not in the fixture", text);
	return number;
}

static const struct {
	const char *name, *declaration;
} expected[] = {
	{"shop::work", "inline long work"},
	{"shop::rank", "inline long rank"},
	{"shop::Hidden::run", "long Hidden::run"},
	{"shop::Hidden::Deep::go", "long Hidden::Deep::go"},
	{"shop::Server::serve", "long Server::serve"},
	{"shop::Server::serve::Local::method", "long method"},
};

/* One name and one place of declaration at every address. */
START_TEST(functions_of_anonymous_and_local_scopes)
{
	size_t found = 0;

	for (size_t i = 0; i < function_count; i++) {
		if (strcmp(functions[i].name, expected[_i].name) != 0)
			continue;
		found++;
		ck_assert_str_eq(functions[i].file, SCOPES_SOURCE);
		ck_assert_uint_eq(functions[i].line, line_of(expected[_i].declaration));
	}
	ck_assert_uint_eq(found, 1);
}
END_TEST

/* A lambda is told from another by where it stands. */
START_TEST(lambdas)
{
	bool inlined = false, called = false;

	for (size_t i = 0; i < function_count; i++) {
		const struct function *function = &functions[i];

		if (!strstr(function->name, "::operator()"))
			continue;
		/* gcc: {lambda}; clang: $_0 */
		ck_assert(strstr(function->name, "shop::Server::serve::{lambda}::operator()") ||
			  strstr(function->name, "shop::Server::serve::$_"));
		ck_assert_str_eq(function->file, SCOPES_SOURCE);
		inlined |= function->inlined && function->line == line_of("auto inlined");
		called |= function->outlined && function->line == line_of("auto called");
	}
	ck_assert(inlined && called);
}
END_TEST

START_TEST(nothing_else)
{
	for (size_t i = 0; i < function_count; i++) {
		bool known = strstr(functions[i].name, "::operator()") != NULL;

		for (size_t j = 0; j < sizeof(expected) / sizeof(expected[0]); j++)
			known |= strcmp(functions[i].name, expected[j].name) == 0;
		ck_assert_msg(known, "%s", functions[i].name);
	}
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("scopes");
	TCase *tcase = tcase_create("scopes");

	tcase_add_checked_fixture(tcase, read_all, NULL);
	tcase_add_loop_test(tcase, functions_of_anonymous_and_local_scopes, 0,
		sizeof(expected) / sizeof(expected[0]));
	tcase_add_test(tcase, lambdas);
	tcase_add_test(tcase, nothing_else);
	suite_add_tcase(suite, tcase);
	return suite;
}
