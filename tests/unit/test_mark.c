/* SPDX-License-Identifier: Apache-2.0 */
/* test_mark.c - the mark of a start, where its descriptor is among the server's. What marks are for
 * is hazard 25. */
#include "suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "mark.h"

static char folder[] = "/tmp/holter-mark-XXXXXX";

/* The next descriptor that is given. */
static int next_descriptor(void)
{
	int descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC);

	close(descriptor);
	return descriptor;
}

/* Hazard 22: the server closes all descriptors, and uses their numbers. */
START_TEST(hazard_22_a_number_that_is_anothers_is_left_open)
{
	char recording[64];
	int number = next_descriptor(), after;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(recording, sizeof(recording), "%s/a.holter", folder);
	ck_assert(!mark_start(recording, "host", 7));
	after = next_descriptor();
	ck_assert_int_ne(number, after); /* the mark's */
	close(number);
	ck_assert_int_eq(open("/dev/null", O_RDONLY | O_CLOEXEC), number);
	mark_clear();
	ck_assert_int_ge(fcntl(number, F_GETFD), 0);
	ck_assert_int_eq(rmdir(folder), 0); /* the mark is gone */
	close(number);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("mark");
	TCase *tests = tcase_create("mark");

	tcase_add_test(tests, hazard_22_a_number_that_is_anothers_is_left_open);
	suite_add_tcase(suite, tests);
	return suite;
}
