/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - runs the suite of a unit test program. Check's environment variables choose what is
 * run and how it is reported (CK_RUN_CASE, CK_FORK=no under a debugger, CK_VERBOSITY).
 */
#include "suite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	Suite *suite = test_suite();
	SRunner *runner;
	int failed;

	if (!suite) {
		printf("1..0 # SKIP %s\n", strerror(errno));
		return EXIT_SUCCESS;
	}
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
