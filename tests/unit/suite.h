/* SPDX-License-Identifier: Apache-2.0 */
/* suite.h - what a unit test program defines; main.c runs it. */
#pragma once

#include <check.h>

Suite *test_suite(void);
