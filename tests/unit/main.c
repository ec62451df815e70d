/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - runs the suite of a unit test program. Check's environment variables choose what is
 * run and how it is reported (CK_RUN_CASE, CK_FORK=no under a debugger, CK_VERBOSITY).
 */
#include "suite.h"

#include <stdlib.h>

int main(void)
{
	SRunner *runner = srunner_create(test_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
