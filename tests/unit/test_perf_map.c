/* SPDX-License-Identifier: Apache-2.0 */
/* test_perf_map.c - maps that JITs write for perf: what is in them, and which are not to be
 * trusted. */
#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "perf_map.h"

static char path[64];
static struct perf_map *map;

static void set_up(void)
{
	strcpy(path, "/tmp/holter-test-perf-map-XXXXXX");
	close(mkstemp(path));
	map = NULL;
}

static void tear_down(void)
{
	perf_map_free(map);
	unlink(path);
}

static void write_map(const char *text)
{
	FILE *file = fopen(path, "we");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
	ck_assert_int_eq(perf_map_open(&map, AT_FDCWD, path, geteuid()), 0);
}

START_TEST(names_by_address)
{
	write_map("7f0000001000 100 first\n"
		  "7f0000003000 10 JS:*handler /app/server.js:7:22\n"
		  "0x7f0000002000 20 with prefix\n");
	ck_assert_ptr_null(perf_map_find(map, 0x7f0000000fff));
	ck_assert_str_eq(perf_map_find(map, 0x7f0000001000), "first");
	ck_assert_str_eq(perf_map_find(map, 0x7f00000010ff), "first");
	ck_assert_ptr_null(perf_map_find(map, 0x7f0000001100));
	ck_assert_str_eq(perf_map_find(map, 0x7f000000200f), "with prefix");
	ck_assert_str_eq(perf_map_find(map, 0x7f000000300f), "JS:*handler /app/server.js:7:22");
	ck_assert_ptr_null(perf_map_find(map, 0x7f0000003010));
}
END_TEST

START_TEST(reused_addresses_bear_the_last_name)
{
	write_map("1000 1000 old\n1800 100 newer\n1000 400 newest\n");
	ck_assert_str_eq(perf_map_find(map, 0x1000), "newest");
	ck_assert_str_eq(perf_map_find(map, 0x1400), "old");
	ck_assert_str_eq(perf_map_find(map, 0x1850), "newer");
	ck_assert_str_eq(perf_map_find(map, 0x1900), "old");
}
END_TEST

START_TEST(lines_that_are_none)
{
	write_map("\n1000\n2000 10\n3000 10 \nxyz 10 a\n4000 0 empty\nffffffffffffffff 10 wraps\n"
		  "11111111111111111 1 long\n5000 10 good");
	ck_assert_ptr_null(perf_map_find(map, 0x2000));
	ck_assert_ptr_null(perf_map_find(map, 0x3000));
	ck_assert_ptr_null(perf_map_find(map, 0x4000));
	ck_assert_ptr_null(perf_map_find(map, UINT64_MAX));
	ck_assert_str_eq(perf_map_find(map, 0x5000), "good");
}
END_TEST

START_TEST(map_without_entries)
{
	write_map("\n");
	ck_assert_ptr_null(perf_map_find(map, 0));
}
END_TEST

/* Hazard 52: anyone may put a file into /tmp. */
START_TEST(untrusted_files)
{
	char link_path[80];

	write_map("1000 10 a\n");
	snprintf(link_path, sizeof(link_path), "%s.link", path);
	ck_assert_int_eq(symlink(path, link_path), 0);
	perf_map_free(map);
	map = NULL;
	ck_assert_int_eq(perf_map_open(&map, AT_FDCWD, link_path, geteuid()), -EPERM);
	unlink(link_path);
	ck_assert_int_eq(chmod(path, 0666), 0);
	ck_assert_int_eq(perf_map_open(&map, AT_FDCWD, path, geteuid()), -EPERM);
	unlink(path);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(perf_map_open(&map, AT_FDCWD, path, geteuid()), -EPERM);
	unlink(path);
	ck_assert_int_eq(perf_map_open(&map, AT_FDCWD, path, geteuid()), -ENOENT);
}
END_TEST

START_TEST(file_of_another_user)
{
	write_map("1000 10 a\n");
	if (geteuid() != 0)
		return; /* nobody else can own a file of ours */
	ck_assert_int_eq(chown(path, 65534, 65534), 0);
	perf_map_free(map);
	map = NULL;
	ck_assert_int_eq(perf_map_open(&map, AT_FDCWD, path, geteuid()), -EPERM);
	/* But the process may be somebody else's, and write its own. */
	ck_assert_int_eq(perf_map_open(&map, AT_FDCWD, path, 65534), 0);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("perf_map");
	TCase *cases = tcase_create("maps");

	tcase_add_checked_fixture(cases, set_up, tear_down);
	tcase_add_test(cases, names_by_address);
	tcase_add_test(cases, reused_addresses_bear_the_last_name);
	tcase_add_test(cases, lines_that_are_none);
	tcase_add_test(cases, map_without_entries);
	tcase_add_test(cases, untrusted_files);
	tcase_add_test(cases, file_of_another_user);
	suite_add_tcase(suite, cases);
	return suite;
}
