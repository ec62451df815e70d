/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_salvage.c - damage costs the blocks that it touches and no other: a small recording cut at
 * every byte, with every byte inverted and every bit flipped, torn open, padded; and files that are
 * made to keep a reader busy (hazards 40, 45, 46).
 */
#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "record_fixture.h"
#include "recording.h"
#include "salvage.h"

enum { BLOCKS = 5 };

static struct fixture fixture;
static uint8_t *intact;
static size_t size;
static size_t ends[BLOCKS]; /* of each block in the file */

static void setup(void)
{
	struct stat status;

	fixture_init(&fixture);
	fixture_open(&fixture, 0);
	for (int i = 0; i < BLOCKS; i++) {
		fixture_scene(fixture.writer, (uint64_t)i + 1);
		fixture_clock_ns += FIXTURE_CHUNK_NS / 2;
		ck_assert_int_eq(writer_flush(fixture.writer), 0);
		ck_assert_int_eq(stat(fixture.path, &status), 0);
		ends[i] = (size_t)status.st_size;
	}
	fixture_close(&fixture, false);
	intact = fixture_read(fixture.path, &size);
	ck_assert_uint_eq(size, ends[BLOCKS - 1]);
}

static void teardown(void)
{
	free(intact);
	fixture_done(&fixture);
}

static size_t begin_of(int block)
{
	return block == 0 ? 0 : ends[block - 1];
}

/* Which blocks of the file on disk a reader finds: bit i for sequence number i + 1. */
static unsigned survivors(struct salvage *salvage)
{
	struct salvaged_block block;
	unsigned found = 0;
	int result;

	ck_assert_int_eq(salvage_open(salvage, fixture.path), 0);
	while ((result = salvage_next(salvage, &block)) > 0) {
		ck_assert_uint_ge(block.sequence, 1);
		ck_assert_uint_le(block.sequence, BLOCKS);
		ck_assert_mem_eq(block.message,
			intact + begin_of((int)block.sequence - 1) + RECORD_HEADER_BYTES,
			block.length);
		found |= 1u << (block.sequence - 1);
	}
	ck_assert_int_eq(result, 0);
	salvage_close(salvage);
	return found;
}

/* Blocks that do not overlap the damaged bytes [from, to). */
static unsigned untouched(size_t from, size_t to)
{
	unsigned expected = 0;

	for (int i = 0; i < BLOCKS; i++) {
		if (to <= begin_of(i) || from >= ends[i])
			expected |= 1u << i;
	}
	return expected;
}

static void load_finds(unsigned expected)
{
	struct recording *recording;
	int error = recording_load(&recording, fixture.path);

	if (expected == 0) {
		ck_assert_int_lt(error, 0);
		return;
	}
	ck_assert_int_eq(error, 0);
	ck_assert_uint_eq(recording->blocks_read, (unsigned)__builtin_popcount(expected));
	recording_free(recording);
}

/* Hazard 45. */
START_TEST(hazard_45_cut_at_every_byte)
{
	struct salvage salvage;

	for (size_t cut = 1; cut <= size; cut++) {
		unsigned expected = 0;
		bool at_end = false;

		for (int i = 0; i < BLOCKS; i++) {
			if (ends[i] <= cut)
				expected |= 1u << i;
			at_end |= ends[i] == cut;
		}
		fixture_write(fixture.path, intact, cut);
		ck_assert_uint_eq(survivors(&salvage), expected);
		load_finds(expected);
		if (expected != 0) {
			struct recording *recording;

			ck_assert_int_eq(recording_load(&recording, fixture.path), 0);
			ck_assert_int_eq(recording->truncated, !at_end);
			ck_assert_uint_eq(recording->blocks_lost, !at_end);
			recording_free(recording);
		}
	}
}
END_TEST

/* Hazard 45. Which bits: all of them (pass 0), then one by one. */
START_TEST(hazard_45_flip_at_every_byte)
{
	const uint8_t mask = _i == 0 ? 0xFF : (uint8_t)(1u << (_i - 1));
	struct salvage salvage;
	int file;

	for (size_t at = 0; at < size; at++) {
		uint8_t flipped = intact[at] ^ mask;
		unsigned expected = untouched(at, at + 1);

		file = open(fixture.path, O_WRONLY);
		ck_assert_int_eq(pwrite(file, &flipped, 1, (off_t)at), 1);
		ck_assert_uint_eq(survivors(&salvage), expected);
		if (_i == 0)
			load_finds(expected);
		ck_assert_int_eq(pwrite(file, intact + at, 1, (off_t)at), 1);
		close(file);
	}
	ck_assert_uint_eq(survivors(&salvage), untouched(size, size));
}
END_TEST

/* A tear of any kind in the middle: zeros, the magic again and again, a block's own beginning. */
START_TEST(hazard_40_before_and_after_a_tear)
{
	static const char *const patterns[] = {"\0\0\0\0", "HLT\xB1", "HHLT", "\xff\xff\xff\xff"};
	uint8_t *damaged = malloc(size);
	struct salvage salvage;

	for (size_t from = 0; from < size; from += 37) {
		for (size_t length = 1; from + length <= size; length += 119) {
			memcpy(damaged, intact, size);
			for (size_t i = 0; i < length; i++)
				damaged[from + i] = (uint8_t)patterns[_i][i % 4];
			if (memcmp(damaged, intact, size) == 0)
				continue;
			fixture_write(fixture.path, damaged, size);
			ck_assert_uint_eq(survivors(&salvage) & untouched(from, from + length),
				untouched(from, from + length));
		}
	}
	free(damaged);
}
END_TEST

/* Bytes that went missing, or came in between, shift what follows. */
START_TEST(shifted_blocks_are_found)
{
	uint8_t *damaged = malloc(size + 1000);
	struct salvage salvage;

	for (size_t at = 0; at <= size; at += 13) {
		unsigned expected = untouched(at, at + (at < size));

		/*
		 * 1000 bytes more, most of which look like a block's beginning; those at either end
		 * do not, or they would stand in for bytes of the block that they split.
		 */
		memcpy(damaged, intact, at);
		memset(damaged + at, 'H', 1000);
		memcpy(damaged + at + 1, intact, 500);
		damaged[at] = damaged[at + 999] = 0;
		memcpy(damaged + at + 1000, intact + at, size - at);
		fixture_write(fixture.path, damaged, size + 1000);
		for (int i = 1; i < BLOCKS; i++) {
			if (at == begin_of(i))
				expected |= 1u << i; /* between two blocks: none is hurt */
		}
		if (at == 0)
			expected |= 1;
		ck_assert_uint_eq(survivors(&salvage), expected);
		ck_assert_uint_eq(salvage.descriptor, -1);
		if (at < size) {
			fixture_write(fixture.path, damaged, at);
			memcpy(damaged + at, intact + at + 1, size - at - 1);
			fixture_write(fixture.path, damaged, size - 1);
			ck_assert_uint_eq(survivors(&salvage), untouched(at, at + 1));
		}
	}
	free(damaged);
}
END_TEST

static double seconds_since(const struct timespec *begin)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - begin->tv_sec) + (double)(now.tv_nsec - begin->tv_nsec) / 1e9;
}

/* A block, a hole of a terabyte, a block: holes are passed over, not read. */
START_TEST(sparse_terabyte)
{
	const off_t far = (off_t)1 << 40;
	int file = open(fixture.path, O_WRONLY | O_TRUNC);
	struct recording *recording;
	struct timespec begin;

	ck_assert_int_eq(pwrite(file, intact, ends[0], 0), ends[0]);
	if (pwrite(file, intact + ends[0], ends[1] - ends[0], far) < 0) {
		/* A file system without such large files: as large as it takes. */
		ck_assert_int_eq(errno, EFBIG);
		ck_assert_int_gt(pwrite(file, intact + ends[0], ends[1] - ends[0], far >> 8), 0);
	}
	close(file);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	ck_assert_int_eq(recording_load(&recording, fixture.path), 0);
	ck_assert_uint_eq(recording->blocks_read, 2);
	ck_assert_uint_eq(recording->blocks_lost, 0);
	ck_assert_uint_gt(recording->bytes_skipped, 1u << 30);
	ck_assert_double_lt(seconds_since(&begin), 5);
	recording_free(recording);
}
END_TEST

/* Hazard 46: forged headers, each of which claims a megabyte to be checked. */
START_TEST(hazard_46_forged_lengths_cost_bounded_work)
{
	enum { FORGED_BYTES = 16 << 20 };
	uint8_t header[RECORD_HEADER_BYTES] = {'H', 'L', 'T', 0xB1, 1, 0, 0, 0, 0, 0, 16, 0};
	uint8_t *forged = malloc(FORGED_BYTES);
	struct recording *recording;
	struct timespec begin;

	memcpy(forged, intact, ends[0]);
	for (size_t at = ends[0]; at + sizeof(header) <= FORGED_BYTES; at += sizeof(header))
		memcpy(forged + at, header, sizeof(header));
	fixture_write(fixture.path, forged, FORGED_BYTES);
	free(forged);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	ck_assert_int_eq(recording_load(&recording, fixture.path), 0);
	ck_assert_uint_eq(recording->blocks_read, 1);
	ck_assert_uint_gt(recording->bytes_skipped, FORGED_BYTES / 2);
	/* All of them would be 11 minutes of checking. */
	ck_assert_double_lt(seconds_since(&begin), 20);
	recording_free(recording);
}
END_TEST

static void complains(int error, const char *word)
{
	FILE *nowhere = fopen("/dev/null", "w");
	struct recording *recording;
	const char *complaint;

	ck_assert_int_eq(recording_load(&recording, fixture.path), error);
	ck_assert_int_eq(recording_dump(nowhere, fixture.path), error);
	fclose(nowhere);
	complaint = recording_complaint(error);
	ck_assert_ptr_nonnull(strstr(complaint, word));
	ck_assert_ptr_null(strchr(complaint, '\n'));
}

START_TEST(files_that_are_no_recordings)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int socket_file;

	fixture_write(fixture.path, "", 0);
	complains(RECORDING_EMPTY, "empty");
	fixture_write(fixture.path, "#!/usr/bin/env node and more text", 33);
	complains(RECORDING_NOT_ONE, "not a recording");
	fixture_write(fixture.path, intact, ends[0] - 1);
	complains(RECORDING_NO_BLOCK, "salvaged");
	fixture_write(fixture.path, "HLT\xB1", 4);
	complains(RECORDING_NO_BLOCK, "salvaged");
	unlink(fixture.path);
	complains(-ENOENT, "no such file");
	ck_assert_int_eq(mkdir(fixture.path, 0700), 0);
	complains(-EISDIR, "directory");
	rmdir(fixture.path);
	ck_assert_int_eq(mkfifo(fixture.path, 0600), 0);
	complains(RECORDING_NOT_REGULAR, "regular");
	unlink(fixture.path);
	socket_file = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", fixture.path);
	ck_assert_int_eq(bind(socket_file, (struct sockaddr *)&address, sizeof(address)), 0);
	complains(RECORDING_NOT_REGULAR, "regular");
	close(socket_file);
}
END_TEST

START_TEST(no_permission)
{
	ck_assert_int_eq(chmod(fixture.path, 0), 0);
	ck_assert_int_eq(chmod(fixture.folder, 0755), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(seteuid(65534), 0);
	complains(-EACCES, "permission");
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

/* Reading never changes a file. */
START_TEST(reader_changes_nothing)
{
	struct recording *recording;
	size_t size_after;
	uint8_t *after;

	ck_assert_int_eq(recording_load(&recording, fixture.path), 0);
	recording_free(recording);
	after = fixture_read(fixture.path, &size_after);
	ck_assert_uint_eq(size_after, size);
	ck_assert_mem_eq(after, intact, size);
	free(after);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("salvage");
	TCase *damage = tcase_create("damage"), *files = tcase_create("files");

	tcase_add_checked_fixture(damage, setup, teardown);
	tcase_set_timeout(damage, 60);
	tcase_add_test(damage, hazard_45_cut_at_every_byte);
	tcase_add_loop_test(damage, hazard_45_flip_at_every_byte, 0, 9);
	tcase_add_loop_test(damage, hazard_40_before_and_after_a_tear, 0, 4);
	tcase_add_test(damage, shifted_blocks_are_found);
	tcase_add_test(damage, sparse_terabyte);
	tcase_add_test(damage, hazard_46_forged_lengths_cost_bounded_work);
	suite_add_tcase(suite, damage);
	tcase_add_checked_fixture(files, setup, teardown);
	tcase_add_test(files, files_that_are_no_recordings);
	tcase_add_test(files, no_permission);
	tcase_add_test(files, reader_changes_nothing);
	suite_add_tcase(suite, files);
	return suite;
}
