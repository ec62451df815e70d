/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_full_disk.c - hazard 41 on a real full disk: a tmpfs of 1 MiB is filled, freed and filled
 * again under a writer. Needs the right to mount, in a namespace of its own; test_sink.c does the
 * same with made-up failures anywhere.
 */
#include "suite.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record_check.h"
#include "record_fixture.h"
#include "recording.h"

static struct fixture fixture;
static char ballast[128];

static void setup(void)
{
	fixture_init(&fixture);
	ck_assert_int_eq(mount("tmpfs", fixture.folder, "tmpfs", 0, "size=1m"), 0);
	snprintf(ballast, sizeof(ballast), "%s/ballast", fixture.folder);
}

static void teardown(void)
{
	umount2(fixture.folder, MNT_DETACH);
	fixture_done(&fixture);
}

static void take_room(size_t bytes)
{
	uint8_t *zeros = calloc(1, bytes);

	ck_assert_ptr_nonnull(zeros);
	fixture_write(ballast, zeros, bytes);
	free(zeros);
}

/* Writes scenes until a flush fails or `scenes` are written. Returns the last flush's result. */
static int write_scenes(uint64_t *id, uint64_t scenes)
{
	int error = 0;

	for (uint64_t i = 0; i < scenes && error == 0; i++) {
		fixture_scene(fixture.writer, ++*id);
		fixture_clock_ns += FIXTURE_CHUNK_NS / 10;
		error = writer_flush(fixture.writer);
	}
	return error;
}

START_TEST(hazard_41_fill_free_continue)
{
	struct recording *recording;
	struct record_facts facts;
	uint64_t id = 0, written;

	take_room(512 << 10);
	fixture_open(&fixture, 0);
	ck_assert_int_eq(write_scenes(&id, 1000000), -ENOSPC);
	written = id - 1;
	record_check(fixture.path, &facts); /* whole blocks to the last byte */
	ck_assert_uint_gt(written, 100);
	for (int i = 0; i < 9; i++)
		ck_assert_int_eq(write_scenes(&id, 1), -ENOSPC);
	record_check(fixture.path, &facts);

	ck_assert_int_eq(unlink(ballast), 0);
	ck_assert_int_eq(write_scenes(&id, 100), 0);
	fixture_close(&fixture, true);
	record_check(fixture.path, &facts);
	ck_assert_uint_eq(facts.lost[LOSS_BLOCK_WRITE], 10);
	ck_assert_uint_eq(facts.stalls, 2 * (written + 100));

	ck_assert_int_eq(recording_load(&recording, fixture.path), 0);
	ck_assert_uint_eq(recording->stall_count, written + 100);
	ck_assert_uint_eq(recording->lost[LOSS_BLOCK_WRITE], 10);
	ck_assert_uint_eq(recording->blocks_lost, 0);
	ck_assert_uint_eq(recording->unresolved, 0);
	recording_free(recording);
}
END_TEST

/* Loss alone is no loss: a full disk that nothing is written to counts nothing up. */
START_TEST(idle_flushes_count_nothing)
{
	struct record_facts facts;
	uint64_t id = 0;

	take_room(900 << 10);
	fixture_open(&fixture, 0);
	ck_assert_int_eq(write_scenes(&id, 1000000), -ENOSPC);
	for (int i = 0; i < 100; i++)
		writer_flush(fixture.writer);
	ck_assert_int_eq(unlink(ballast), 0);
	ck_assert_int_eq(writer_flush(fixture.writer), 0);
	fixture_close(&fixture, false);
	record_check(fixture.path, &facts);
	ck_assert_uint_eq(facts.lost[LOSS_BLOCK_WRITE], 1);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite;
	TCase *disk;

	/* Our mounts are nobody else's. */
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return NULL;
	suite = suite_create("full_disk");
	disk = tcase_create("tmpfs of 1 MiB");
	tcase_add_checked_fixture(disk, setup, teardown);
	tcase_add_test(disk, hazard_41_fill_free_continue);
	tcase_add_test(disk, idle_flushes_count_nothing);
	suite_add_tcase(suite, disk);
	return suite;
}
