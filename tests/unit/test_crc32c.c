/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_crc32c.c - both ways of computing a checksum agree, at every alignment and length. Includes
 * the source, because a processor has one of the two ways only.
 */
#include "suite.h"

#include "crc32c.c" /* NOLINT(bugprone-suspicious-include) */

START_TEST(instruction_and_table_agree)
{
	uint8_t bytes[128];

	if (!has_instruction())
		return; /* then the table is what test_base checks */
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 151 + 7);
	for (size_t from = 0; from < 9; from++) {
		for (size_t length = 0; from + length <= sizeof(bytes); length++)
			ck_assert_uint_eq(by_instruction((uint32_t)length, bytes + from, length),
				by_table((uint32_t)length, bytes + from, length));
	}
}
END_TEST

START_TEST(check_value)
{
	/* "Check" of CRC-32C in the catalogue of parametrised CRC algorithms. */
	ck_assert_uint_eq(crc32c(0, "123456789", 9), 0xe3069283);
	ck_assert_uint_eq(~by_table(~0u, (const uint8_t *)"123456789", 9), 0xe3069283);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("crc32c");
	TCase *ways = tcase_create("ways");

	tcase_add_test(ways, instruction_and_table_agree);
	tcase_add_test(ways, check_value);
	suite_add_tcase(suite, ways);
	return suite;
}
