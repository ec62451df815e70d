/* SPDX-License-Identifier: Apache-2.0 */
/* test_base.c - clock, text, CRC, histogram, maps, images and safe memory. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arena.h"
#include "clock.h"
#include "crc32c.h"
#include "format.h"
#include "histogram.h"
#include "image.h"
#include "maps.h"
#include "memory.h"
#include "suite.h"

START_TEST(crc_of_rfc3720)
{
	/* RFC 3720, B.4: 32 bytes of zeros, of ones, and ascending. */
	uint8_t bytes[32] = {0};

	ck_assert_uint_eq(crc32c(0, bytes, 32), 0x8a9136aa);
	memset(bytes, 0xff, 32);
	ck_assert_uint_eq(crc32c(0, bytes, 32), 0x62a8ab43);
	for (uint8_t i = 0; i < 32; i++)
		bytes[i] = i;
	ck_assert_uint_eq(crc32c(0, bytes, 32), 0x46dd794e);
	ck_assert_uint_eq(crc32c(crc32c(0, bytes, 7), bytes + 7, 25), 0x46dd794e);
}
END_TEST

START_TEST(histogram_is_one_percent_wide)
{
	for (uint64_t ns = 1; ns < 1ull << 42; ns += ns / 300 + 1) {
		uint32_t bucket = histogram_bucket(ns);
		uint64_t floor = histogram_floor_ns(bucket), next = histogram_floor_ns(bucket + 1);

		ck_assert_uint_le(floor, ns);
		ck_assert_uint_gt(next, ns);
		ck_assert_uint_le((next - floor - 1) * 100, floor);
	}
	ck_assert_uint_eq(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
}
END_TEST

START_TEST(text_is_cut_and_ended)
{
	char buffer[8];
	struct format format;

	format_init(&format, buffer, sizeof(buffer));
	format_text(&format, "abc");
	format_signed(&format, INT64_MIN);
	ck_assert_str_eq(buffer, "abc-922");
	format_hex(&format, 1);
	ck_assert_str_eq(buffer, "abc-922");
}
END_TEST

START_TEST(numbers_are_parsed_whole_or_not_at_all)
{
	static const struct {
		const char *text;
		int good;
		uint64_t value;
	} cases[] = {
		{"18446744073709551615x", 1, UINT64_MAX},
		{"18446744073709551616", 0, 0},
		{"x", 0, 0},
		{"", 0, 0},
		{"0", 1, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *at = cases[i].text;
		uint64_t value = 7;

		ck_assert_int_eq(parse_unsigned(&at, &value), cases[i].good);
		ck_assert_uint_eq(value, cases[i].good ? cases[i].value : 7);
		ck_assert(cases[i].good || at == cases[i].text);
	}
}
END_TEST

START_TEST(arena_ends)
{
	struct arena arena;

	ck_assert_int_eq(arena_init(&arena, 4096), 0);
	ck_assert_ptr_nonnull(arena_alloc(&arena, 1));
	ck_assert_uint_eq((uintptr_t)arena_alloc(&arena, 4000) % 16, 0);
	ck_assert_ptr_null(arena_alloc(&arena, 100));
	ck_assert_ptr_null(arena_alloc(&arena, SIZE_MAX - 3));
	arena_done(&arena);
}
END_TEST

START_TEST(clock_follows_the_kernel)
{
	uint64_t before, now, after;

	clock_calibrate();
	usleep(210000);
	clock_calibrate();
	for (int i = 0; i < 1000; i++) {
		before = clock_monotonic_ns();
		now = clock_now_ns();
		after = clock_monotonic_ns();
		ck_assert_uint_ge(now + 5000, before);
		ck_assert_uint_le(now, after + 5000);
	}
}
END_TEST

static struct map entries[4096];
static char names[1 << 20];

static void load_own(struct maps *maps)
{
	maps_init(maps, entries, 4096, names, sizeof(names));
	ck_assert_int_eq(maps_load(maps, getpid()), 0);
	ck_assert(!maps->truncated);
}

START_TEST(own_maps_hold_what_is_mapped)
{
	struct maps maps;
	const struct map *map;
	int local;

	load_own(&maps);
	map = maps_find(&maps, (uint64_t)(uintptr_t)&local);
	ck_assert_ptr_nonnull(map);
	ck_assert_uint_eq(map->protection, MAP_READ | MAP_WRITE);
	map = maps_find(&maps, (uint64_t)(uintptr_t)&load_own);
	ck_assert_ptr_nonnull(map);
	ck_assert(map->protection & MAP_EXECUTE);
	ck_assert_ptr_nonnull(strstr(maps_path(&maps, map), "test_base"));
	ck_assert_ptr_null(maps_find(&maps, 0));
	maps_init(&maps, entries, 2, names, 64);
	ck_assert_int_eq(maps_load(&maps, getpid()), 0);
	ck_assert(maps.truncated);
	ck_assert_uint_le(maps.count, 2);
}
END_TEST

START_TEST(images_give_symbols_and_build_ids)
{
	struct memory_process own;
	struct maps maps;
	struct image image;
	const struct map *map, *first;
	uint64_t address, size;

	load_own(&maps);
	memory_process_init(&own, getpid());
	map = maps_find(&maps, (uint64_t)(uintptr_t)&strtoul);
	ck_assert_ptr_nonnull(map);
	first = image_first_map(&maps, map);
	ck_assert_ptr_nonnull(first);
	ck_assert_int_eq(image_open(&image, &own.memory, first->start), 0);
	ck_assert_uint_ge(image.build_id_length, 16);
	ck_assert(image.eh_frame_header != 0);
	ck_assert_int_eq(image_symbol(&image, &own.memory, "strtoul", &address, &size), 0);
	ck_assert_uint_eq(address, (uint64_t)(uintptr_t)&strtoul);
	ck_assert_int_eq(
		image_symbol(&image, &own.memory, "no_such_symbol_here", &address, &size), -ENOENT);
	ck_assert_int_eq(image_open(&image, &own.memory, (uint64_t)(uintptr_t)names), -ENOEXEC);
	ck_assert_int_eq(image_open(&image, &own.memory, 4096), -EFAULT);
}
END_TEST

START_TEST(a_read_stops_at_a_hole)
{
	uint8_t *pages =
		mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t start = (uint64_t)(uintptr_t)pages;
	static uint8_t buffer[3 * 4096];
	static struct memory_page storage[4];
	struct memory_process own;
	struct memory_cache cache;
	char text[16];

	ck_assert_ptr_ne(pages, MAP_FAILED);
	memset(pages, 'x', 3 * 4096);
	ck_assert_int_eq(mprotect(pages + 8192, 4096, PROT_NONE), 0);
	memory_process_init(&own, getpid());
	memory_cache_init(&cache, &own.memory, storage, 4);
	ck_assert_int_eq(own.memory.read(&own.memory, start, buffer, sizeof(buffer)), 8192);
	ck_assert_int_eq(own.memory.read(&own.memory, start + 8192, buffer, 8), 0);
	ck_assert_int_eq(cache.memory.read(&cache.memory, start + 8000, buffer, 400), 192);
	ck_assert_int_eq(memory_exact(&cache.memory, start + 4090, buffer, 12), 0);
	pages[100] = '\0';
	ck_assert_int_eq(memory_string(&own.memory, start + 90, text, sizeof(text)), 10);
	ck_assert_int_eq(memory_string(&own.memory, start + 200, text, sizeof(text)), -ENOBUFS);
	ck_assert_int_eq(memory_string(&own.memory, start + 8190, text, sizeof(text)), -EFAULT);
	/* The cache keeps what it has until it is dropped. */
	ck_assert_int_eq(memory_exact(&cache.memory, start + 1000, buffer, 1), 0);
	pages[1000] = 'y';
	ck_assert_int_eq(memory_exact(&cache.memory, start + 1000, buffer, 1), 0);
	ck_assert_int_eq(buffer[0], 'x');
	memory_cache_drop(&cache);
	ck_assert_int_eq(memory_exact(&cache.memory, start + 1000, buffer, 1), 0);
	ck_assert_int_eq(buffer[0], 'y');
	munmap(pages, 3 * 4096);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("base");
	TCase *tests = tcase_create("base");

	tcase_add_test(tests, crc_of_rfc3720);
	tcase_add_test(tests, histogram_is_one_percent_wide);
	tcase_add_test(tests, text_is_cut_and_ended);
	tcase_add_test(tests, numbers_are_parsed_whole_or_not_at_all);
	tcase_add_test(tests, arena_ends);
	tcase_add_test(tests, clock_follows_the_kernel);
	tcase_add_test(tests, own_maps_hold_what_is_mapped);
	tcase_add_test(tests, images_give_symbols_and_build_ids);
	tcase_add_test(tests, a_read_stops_at_a_hole);
	suite_add_tcase(suite, tests);
	return suite;
}
