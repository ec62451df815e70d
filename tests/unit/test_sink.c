/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sink.c - the file under a recording on bad days: which files it takes, writes that fail in
 * the middle, a disk on which even cutting back fails, a descriptor that the server closes.
 */
#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record_fixture.h"
#include "sink.h"

static struct fixture fixture;
static struct sink sink;
static const char block[] = "HLT\xB1 and so on";

/* A disk that takes `room` bytes more, and fails then; and what else goes wrong on it. */
static int64_t room;
static int write_error, truncate_error, rename_error, interruptions;

static int64_t failing_write(int descriptor, const void *bytes, size_t size)
{
	if (interruptions > 0) {
		interruptions--;
		return -EINTR;
	}
	if (room == 0)
		return -write_error;
	if ((int64_t)size > room)
		size = (size_t)room;
	room -= (int64_t)size;
	return write(descriptor, bytes, size);
}

static int failing_truncate(int descriptor, int64_t length)
{
	return truncate_error ? -truncate_error : ftruncate(descriptor, length);
}

static int failing_rename(const char *from, const char *to)
{
	return rename_error ? -rename_error : rename(from, to) ? -errno : 0;
}

static const struct sink_calls failing_calls = {
	.write = failing_write, .truncate = failing_truncate, .rename = failing_rename};

static void setup(void)
{
	fixture_init(&fixture);
	room = INT64_MAX;
	write_error = truncate_error = rename_error = interruptions = 0;
}

static void teardown(void)
{
	sink_close(&sink);
	fixture_done(&fixture);
}

static void open_failing(void)
{
	ck_assert_int_eq(sink_open(&sink, fixture.path), 0);
	sink.calls = &failing_calls;
}

static off_t size_of(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 ? status.st_size : -1;
}

START_TEST(file_is_private_and_its_descriptor_high)
{
	struct stat status;

	ck_assert_int_eq(sink_open(&sink, fixture.path), 0);
	ck_assert_int_eq(stat(fixture.path, &status), 0);
	ck_assert_uint_eq(status.st_mode & 07777, 0600);
	ck_assert_int_ge(sink.file.descriptor, 900);
	ck_assert_int_ne(fcntl(sink.file.descriptor, F_GETFD) & FD_CLOEXEC, 0);
}
END_TEST

START_TEST(low_descriptor_where_the_limit_is_low)
{
	struct rlimit limit, low;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	low.rlim_cur = 64;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	ck_assert_int_eq(sink_open(&sink, fixture.path), 0);
	ck_assert_int_lt(sink.file.descriptor, 64);
	ck_assert_int_eq(sink_append(&sink, block, sizeof(block)), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}
END_TEST

START_TEST(existing_recording_is_replaced)
{
	fixture_write(fixture.path, block, sizeof(block));
	ck_assert_int_eq(sink_open(&sink, fixture.path), 0);
	ck_assert_int_eq(size_of(fixture.path), 0);
}
END_TEST

START_TEST(nothing_else_is_overwritten)
{
	static const char source[] = "console.log('precious')\n";

	fixture_write(fixture.path, source, sizeof(source));
	ck_assert_int_eq(sink_open(&sink, fixture.path), -EEXIST);
	ck_assert_int_eq(size_of(fixture.path), sizeof(source));

	ck_assert_int_eq(unlink(fixture.path), 0);
	ck_assert_int_eq(mkfifo(fixture.path, 0600), 0);
	ck_assert_int_eq(sink_open(&sink, fixture.path), -EEXIST);
}
END_TEST

START_TEST(rotation_overwrites_nothing_else)
{
	static const char data[] = "precious";
	uint64_t lost;

	ck_assert_int_eq(sink_open(&sink, fixture.path), 0);
	ck_assert_int_eq(sink_append(&sink, block, sizeof(block)), 0);
	fixture_write(fixture.older_path, data, sizeof(data));
	ck_assert_int_eq(sink_rotate(&sink, &lost), -EEXIST);
	ck_assert_int_eq(size_of(fixture.older_path), sizeof(data));
	ck_assert_int_eq(sink_append(&sink, block, sizeof(block)), 0);
	ck_assert_int_eq(size_of(fixture.path), 2 * sizeof(block));

	/* The half of an earlier recording is one's own. */
	fixture_write(fixture.older_path, block, sizeof(block));
	ck_assert_int_eq(sink_rotate(&sink, &lost), 0);
	ck_assert_int_eq(size_of(fixture.older_path), 2 * sizeof(block));
}
END_TEST

/* Hazard 52: a link in a shared folder must not lead elsewhere. */
START_TEST(hazard_52_link_is_not_followed)
{
	fixture_write(fixture.older_path, block, sizeof(block));
	ck_assert_int_eq(symlink(fixture.older_path, fixture.path), 0);
	ck_assert_int_eq(sink_open(&sink, fixture.path), -ELOOP);
	ck_assert_int_eq(size_of(fixture.older_path), sizeof(block));
}
END_TEST

/* Hazard 41: whatever part of a block the disk took, only whole blocks stay. */
START_TEST(hazard_41_torn_write_is_cut_back)
{
	open_failing();
	ck_assert_int_eq(sink_append(&sink, block, sizeof(block)), 0);
	write_error = _i % 2 ? ENOSPC : EIO;
	room = _i;
	ck_assert_int_eq(sink_append(&sink, block, sizeof(block)), -write_error);
	ck_assert_int_eq(size_of(fixture.path), sizeof(block));
	ck_assert(!sink.torn);

	room = INT64_MAX;
	ck_assert_int_eq(sink_append(&sink, block, sizeof(block)), 0);
	ck_assert_int_eq(size_of(fixture.path), 2 * sizeof(block));
	ck_assert_uint_eq(sink.blocks, 2);
}
END_TEST

START_TEST(interrupted_and_short_writes_go_on)
{
	open_failing();
	interruptions = 3;
	ck_assert_int_eq(sink_append(&sink, block, sizeof(block)), 0);
	ck_assert_int_eq(size_of(fixture.path), sizeof(block));
}
END_TEST

START_TEST(cutting_back_is_tried_again)
{
	open_failing();
	write_error = truncate_error = EIO;
	room = 5;
	ck_assert_int_eq(sink_append(&sink, block, sizeof(block)), -EIO);
	ck_assert(sink.torn);
	room = INT64_MAX;
	ck_assert_int_eq(sink_append(&sink, block, sizeof(block)), -EIO);
	ck_assert_int_eq(size_of(fixture.path), 5);
	truncate_error = 0;
	ck_assert_int_eq(sink_append(&sink, block, sizeof(block)), 0);
	ck_assert_int_eq(size_of(fixture.path), sizeof(block));
}
END_TEST

START_TEST(rotation_counts_what_it_removes)
{
	uint64_t lost;

	open_failing();
	ck_assert_int_eq(sink_append(&sink, block, sizeof(block)), 0);
	ck_assert_int_eq(sink_rotate(&sink, &lost), 0);
	ck_assert_uint_eq(lost, 0);
	ck_assert_int_eq(size_of(fixture.older_path), sizeof(block));
	ck_assert_int_eq(size_of(fixture.path), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(sink_append(&sink, block, sizeof(block)), 0);
	ck_assert_int_eq(sink_rotate(&sink, &lost), 0);
	ck_assert_uint_eq(lost, 1);
	ck_assert_int_eq(sink_rotate(&sink, &lost), 0);
	ck_assert_uint_eq(lost, 3);
}
END_TEST

START_TEST(refused_rotation_leaves_the_file)
{
	uint64_t lost;

	open_failing();
	ck_assert_int_eq(sink_append(&sink, block, sizeof(block)), 0);
	rename_error = EACCES;
	ck_assert_int_eq(sink_rotate(&sink, &lost), -EACCES);
	ck_assert_uint_eq(lost, 0);
	ck_assert_int_eq(sink_append(&sink, block, sizeof(block)), 0);
	ck_assert_int_eq(size_of(fixture.path), 2 * sizeof(block));
	ck_assert_int_eq(sink_restart(&sink, &lost), 0);
	ck_assert_uint_eq(lost, 2);
	ck_assert_int_eq(size_of(fixture.path), 0);
}
END_TEST

/* FILE could be renamed, but no new one opened: no descriptor is left. */
START_TEST(rotation_that_cannot_create_goes_back)
{
	struct rlimit limit, none;
	uint64_t lost;

	open_failing();
	ck_assert_int_eq(sink_append(&sink, block, sizeof(block)), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ck_assert_int_eq(sink_rotate(&sink, &lost), -EMFILE);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(size_of(fixture.path), sizeof(block));
	ck_assert_int_eq(size_of(fixture.older_path), -1);
	ck_assert_int_eq(sink_append(&sink, block, sizeof(block)), 0);
	ck_assert_int_eq(size_of(fixture.path), 2 * sizeof(block));
}
END_TEST

/* Hazard 44: a file size limit is an error like another, and no SIGXFSZ, which would kill. */
START_TEST(hazard_44_size_limit_raises_no_signal)
{
	struct rlimit limit, low;
	int results[3];

	ck_assert_int_eq(sink_open(&sink, fixture.path), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	low = limit;
	low.rlim_cur = 2 * sizeof(block) + 3;
	/* No assertion under the limit: Check writes to a file, too. */
	setrlimit(RLIMIT_FSIZE, &low);
	for (int i = 0; i < 3; i++)
		results[i] = sink_append(&sink, block, sizeof(block));
	setrlimit(RLIMIT_FSIZE, &limit);
	ck_assert_int_eq(results[0], 0);
	ck_assert_int_eq(results[1], 0);
	ck_assert_int_eq(results[2], -EFBIG);
	ck_assert_int_eq(size_of(fixture.path), 2 * sizeof(block));
	ck_assert_int_eq(sink_append(&sink, block, sizeof(block)), 0);
}
END_TEST

/* Hazard 22: a server closes all descriptors, and the number is a file of its own then. */
START_TEST(hazard_22_closed_and_reused_descriptor)
{
	int other, number;

	ck_assert_int_eq(sink_open(&sink, fixture.path), 0);
	ck_assert_int_eq(sink_append(&sink, block, sizeof(block)), 0);
	number = sink.file.descriptor;
	other = open(fixture.older_path, O_RDWR | O_CREAT, 0600);
	ck_assert_int_ge(other, 0);
	ck_assert_int_eq(dup2(other, number), number);

	ck_assert_int_eq(sink_append(&sink, block, sizeof(block)), 0);
	ck_assert_int_eq(size_of(fixture.older_path), 0);
	ck_assert_int_eq(size_of(fixture.path), 2 * sizeof(block));
	ck_assert_int_eq(write(number, "x", 1), 1); /* still the server's */
	close(other);
	close(number);
}
END_TEST

START_TEST(closed_descriptor_and_removed_file)
{
	ck_assert_int_eq(sink_open(&sink, fixture.path), 0);
	ck_assert_int_eq(sink_append(&sink, block, sizeof(block)), 0);
	close(sink.file.descriptor);
	ck_assert_int_eq(unlink(fixture.path), 0);
	ck_assert_int_eq(sink_append(&sink, block, sizeof(block)), 0);
	ck_assert_int_eq(size_of(fixture.path), sizeof(block));

	/* Another's file under our name is not ours to write to. */
	close(sink.file.descriptor);
	fixture_write(fixture.older_path, "other", 5);
	ck_assert_int_eq(rename(fixture.older_path, fixture.path), 0);
	ck_assert_int_eq(sink_append(&sink, block, sizeof(block)), -ESTALE);
	ck_assert_int_eq(size_of(fixture.path), 5);
}
END_TEST

/* A file that is removed while it is written would take room for nothing. */
START_TEST(removed_file_is_begun_anew)
{
	ck_assert_int_eq(sink_open(&sink, fixture.path), 0);
	ck_assert_int_eq(sink_append(&sink, block, sizeof(block)), 0);
	ck_assert_int_eq(unlink(fixture.path), 0);
	ck_assert_int_eq(sink_append(&sink, block, sizeof(block)), -ESTALE);
	ck_assert_int_eq(size_of(fixture.path), 0);
	ck_assert_int_eq(sink_append(&sink, block, sizeof(block)), 0);
	ck_assert_int_eq(size_of(fixture.path), sizeof(block));
	ck_assert_uint_eq(sink.blocks, 1);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("sink");
	TCase *files = tcase_create("files"), *failures = tcase_create("failures");

	tcase_add_checked_fixture(files, setup, teardown);
	tcase_add_test(files, file_is_private_and_its_descriptor_high);
	tcase_add_test(files, low_descriptor_where_the_limit_is_low);
	tcase_add_test(files, existing_recording_is_replaced);
	tcase_add_test(files, nothing_else_is_overwritten);
	tcase_add_test(files, rotation_overwrites_nothing_else);
	tcase_add_test(files, hazard_52_link_is_not_followed);
	tcase_add_test(files, rotation_counts_what_it_removes);
	suite_add_tcase(suite, files);
	tcase_add_checked_fixture(failures, setup, teardown);
	tcase_add_loop_test(failures, hazard_41_torn_write_is_cut_back, 0, sizeof(block));
	tcase_add_test(failures, interrupted_and_short_writes_go_on);
	tcase_add_test(failures, cutting_back_is_tried_again);
	tcase_add_test(failures, refused_rotation_leaves_the_file);
	tcase_add_test(failures, rotation_that_cannot_create_goes_back);
	tcase_add_test(failures, hazard_44_size_limit_raises_no_signal);
	tcase_add_test(failures, hazard_22_closed_and_reused_descriptor);
	tcase_add_test(failures, closed_descriptor_and_removed_file);
	tcase_add_test(failures, removed_file_is_begun_anew);
	suite_add_tcase(suite, failures);
	return suite;
}
