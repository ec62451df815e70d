/* SPDX-License-Identifier: Apache-2.0 */
/* suite.h - what a unit test program defines; main.c runs it. */
#pragma once

#include <check.h>

/* Returns the suite, or null with errno set if it cannot be run here (no right to): a skip. */
Suite *test_suite(void);
