/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_v8_image.c - V8 looked for in a process: this program exports some of the symbols that a
 * Node binary has, and changes what they say.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "elf_file.h"
#include "suite.h"
#include "v8_image.h"

/* Exported by the linker's option -rdynamic, as Node's are. */
#define EXPORTED extern __attribute__((visibility("default"))) int32_t
EXPORTED v8dbg_SmiTagMask, v8dbg_TaggedSize, v8dbg_SmiShiftSize;
EXPORTED _ZN2v88internal7Version6major_E, _ZN2v88internal7Version6minor_E;
int32_t v8dbg_SmiTagMask = 1, v8dbg_TaggedSize = 8, v8dbg_SmiShiftSize = 31;
int32_t _ZN2v88internal7Version6major_E = 11, _ZN2v88internal7Version6minor_E = 3;

static struct {
	struct memory_process process;
	struct maps maps;
	struct map entries[512];
	char names[1 << 16];
	struct arena arena;
	struct lang_target target;
} own;

static void set_up(void)
{
	memory_process_init(&own.process, getpid());
	maps_init(&own.maps, own.entries, 512, own.names, sizeof(own.names));
	ck_assert_int_eq(maps_load(&own.maps, getpid()), 0);
	ck_assert_int_eq(arena_init(&own.arena, 1 << 20), 0);
	own.target = (struct lang_target){
		.memory = &own.process.memory,
		.maps = &own.maps,
		.pid = getpid(),
		.arena = &own.arena,
	};
}

static void tear_down(void)
{
	arena_done(&own.arena);
}

static void check_refused(const char *expected)
{
	const char *reason = "";
	struct lang lang;

	ck_assert_int_eq(lang_open(&lang, &own.target, &reason), -ENOTSUP);
	ck_assert_str_eq(reason, expected);
}

START_TEST(refusals_have_reasons)
{
	v8dbg_TaggedSize = 4;
	check_refused("V8 with compressed pointers");
	v8dbg_TaggedSize = 8;
	v8dbg_SmiShiftSize = 0;
	check_refused("V8 with compressed pointers");
	v8dbg_SmiShiftSize = 31;
	check_refused("V8 without the debugging constants that are needed");
}
END_TEST

START_TEST(other_processes_have_no_v8)
{
	const char *reason = "";
	struct v8_image image;

	own.maps.count = 0;
	ck_assert_int_eq(v8_image_find(&image, &own.target, &reason), -ENOENT);
}
END_TEST

START_TEST(builtins_are_found_at_each_place)
{
	static uint32_t size = 0x3000;
	struct v8_image image = {
		.blob_address = 0x401000,
		.blob_size_variable = (uint64_t)(uintptr_t)&size,
	};
	struct map maps[] = {
		/* The blob is at offset 0x1000 of the file; text lies before and after it. */
		{.start = 0x400000, .end = 0x402000, .inode = 7, .protection = MAP_EXECUTE},
		{.start = 0x402000,
			.end = 0x409000,
			.offset = 0x2000,
			.inode = 7,
			.protection = MAP_EXECUTE},
		{.start = 0x700000,
			.end = 0x708000,
			.offset = 0x1000,
			.inode = 8,
			.protection = MAP_EXECUTE},
		{.start = 0x800000,
			.end = 0x803000,
			.offset = 0x1000,
			.inode = 7,
			.protection = MAP_EXECUTE},
		{.start = 0x900000,
			.end = 0x903000,
			.offset = 0x1000,
			.inode = 7,
			.protection = MAP_READ},
	};

	own.maps.entries = maps;
	own.maps.count = sizeof(maps) / sizeof(maps[0]);
	v8_image_refresh(&image, &own.target);
	ck_assert(v8_image_is_builtin(&image, 0x401000));
	ck_assert(v8_image_is_builtin(&image, 0x403fff));
	ck_assert(!v8_image_is_builtin(&image, 0x400fff));
	ck_assert(!v8_image_is_builtin(&image, 0x404000));
	ck_assert(v8_image_is_builtin(&image, 0x800000));
	ck_assert(v8_image_is_builtin(&image, 0x802fff));
	ck_assert(!v8_image_is_builtin(&image, 0x700000));
	ck_assert(!v8_image_is_builtin(&image, 0x900000));
	/* The copy is gone. */
	own.maps.count = 3;
	v8_image_refresh(&image, &own.target);
	ck_assert(!v8_image_is_builtin(&image, 0x800000));
	ck_assert(v8_image_is_builtin(&image, 0x401000));
	/* Text on huge pages belongs to no file. */
	maps[0].inode = maps[1].inode = 0;
	v8_image_refresh(&image, &own.target);
	ck_assert(v8_image_is_builtin(&image, 0x403fff));
	/* V8 has not initialised itself yet. */
	size = 0;
	v8_image_refresh(&image, &own.target);
	ck_assert(!v8_image_is_builtin(&image, 0x401000));
}
END_TEST

/* A symbol with a name of its own, and one whose name is the end of another's. */
static __attribute__((used, noinline)) int static_symbol_of_this_test(void)
{
	return 1;
}

static __attribute__((used, noinline)) int another_static_symbol_of_this_test(void)
{
	return 2;
}

START_TEST(symbols_of_a_file)
{
	struct elf_file_symbol symbols[] = {
		{.name = "static_symbol_of_this_test"},
		{.name = "another_static_symbol_of_this_test"},
		{.name = "no_such_symbol_of_this_test"},
	};
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(elf_file_symbols(fd, symbols, 3), 2);
	ck_assert(symbols[0].found && symbols[1].found && !symbols[2].found);
	ck_assert_uint_eq((uint64_t)(uintptr_t)another_static_symbol_of_this_test -
				  (uint64_t)(uintptr_t)static_symbol_of_this_test,
		symbols[1].value - symbols[0].value);
	ck_assert_uint_gt(symbols[0].size, 0);
	ck_assert_int_eq(elf_file_symbols(fd, symbols, ELF_FILE_SYMBOLS_MAX + 1), -EINVAL);
	close(fd);
}
END_TEST

START_TEST(files_that_are_cut_or_none)
{
	char path[] = "/tmp/holter-test-XXXXXX", buffer[65536];
	struct elf_file_symbol symbol = {.name = "static_symbol_of_this_test"};
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), fd = mkstemp(path);
	ssize_t got;
	off_t size = 0;

	ck_assert_int_ge(from, 0);
	ck_assert_int_ge(fd, 0);
	unlink(path);
	ck_assert_int_eq(elf_file_symbols(fd, &symbol, 1), -ENOEXEC);
	while ((got = read(from, buffer, sizeof(buffer))) > 0) {
		ck_assert_int_eq(write(fd, buffer, (size_t)got), got);
		size += got;
	}
	ck_assert_int_eq(elf_file_symbols(fd, &symbol, 1), 1);
	for (off_t cut = size - 1; cut > 0; cut -= size / 200 + 1) {
		ck_assert_int_eq(ftruncate(fd, cut), 0);
		/* The section headers stand at the end: without them, there is no table. */
		got = elf_file_symbols(fd, &symbol, 1);
		ck_assert(got < 0 || (got == 1 && size - cut < 4096));
	}
	close(fd);
	close(from);
	ck_assert_int_lt(elf_file_symbols(-1, &symbol, 1), 0);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("v8_image");
	TCase *image = tcase_create("image"), *file = tcase_create("file");

	tcase_add_checked_fixture(image, set_up, tear_down);
	tcase_add_test(image, refusals_have_reasons);
	tcase_add_test(image, other_processes_have_no_v8);
	tcase_add_test(image, builtins_are_found_at_each_place);
	suite_add_tcase(suite, image);
	tcase_add_test(file, symbols_of_a_file);
	tcase_add_test(file, files_that_are_cut_or_none);
	suite_add_tcase(suite, file);
	return suite;
}
