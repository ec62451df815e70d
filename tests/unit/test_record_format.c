/* SPDX-License-Identifier: Apache-2.0 */
/* test_record_format.c - the vocabulary of event.h against its specification, holter.proto. */
#include "suite.h"

#include <string.h>

#include "event.h"
#include "holter.pb-c.h"

struct named {
	const char *name;
	int value;
};

#define NAMED(constant) #constant, constant

/* Every name and number of the specification stands in the header, and nothing else. */
static void compare(
	const ProtobufCEnumDescriptor *specified, const struct named *ours, size_t count)
{
	ck_assert_uint_eq(specified->n_values, count);
	for (size_t i = 0; i < count; i++) {
		const ProtobufCEnumValue *value =
			protobuf_c_enum_descriptor_get_value_by_name(specified, ours[i].name);

		ck_assert_msg(value != NULL, "%s is not in the specification", ours[i].name);
		ck_assert_int_eq(value->value, ours[i].value);
	}
}

START_TEST(enum_mode)
{
	static const struct named ours[] = {
		{NAMED(MODE_UNKNOWN)}, {NAMED(MODE_PRELOAD)}, {NAMED(MODE_ATTACH)}};

	compare(&holter__record__mode__descriptor, ours, sizeof(ours) / sizeof(ours[0]));
}
END_TEST

START_TEST(enum_frame_kind)
{
	static const struct named ours[] = {{NAMED(FRAME_NATIVE)}, {NAMED(FRAME_JS_INTERPRETED)},
		{NAMED(FRAME_JS_BASELINE)}, {NAMED(FRAME_JS_MAGLEV)}, {NAMED(FRAME_JS_TURBOFAN)},
		{NAMED(FRAME_JS_BUILTIN)}, {NAMED(FRAME_JS_UNKNOWN)}, {NAMED(FRAME_PYTHON)},
		{NAMED(FRAME_KERNEL)}, {NAMED(FRAME_TRUNCATED)}};

	compare(&holter__record__frame_kind__descriptor, ours, sizeof(ours) / sizeof(ours[0]));
}
END_TEST

START_TEST(enum_doubt)
{
	static const struct named ours[] = {{NAMED(DOUBT_NONE)}, {NAMED(DOUBT_NO_POSITION)},
		{NAMED(DOUBT_NO_NAME)}, {NAMED(DOUBT_LINE_APPROXIMATE)}, {NAMED(DOUBT_BRIDGED)},
		{NAMED(DOUBT_DEPTH)}};

	compare(&holter__record__doubt__descriptor, ours, sizeof(ours) / sizeof(ours[0]));
}
END_TEST

START_TEST(enum_wait_call)
{
	static const struct named ours[] = {{NAMED(WAIT_UNKNOWN)}, {NAMED(WAIT_EPOLL)},
		{NAMED(WAIT_POLL)}, {NAMED(WAIT_SELECT)}, {NAMED(WAIT_ANNOTATED)}};

	compare(&holter__record__wait_call__descriptor, ours, sizeof(ours) / sizeof(ours[0]));
}
END_TEST

START_TEST(enum_loss_kind)
{
	static const struct named ours[] = {{NAMED(LOSS_UNKNOWN)}, {NAMED(LOSS_SAMPLE_SLOT)},
		{NAMED(LOSS_SAMPLE_TIMEOUT)}, {NAMED(LOSS_SAMPLE_STACK)}, {NAMED(LOSS_BLOCK_WRITE)},
		{NAMED(LOSS_BLOCK_ROTATED)}, {NAMED(LOSS_LOOP)}, {NAMED(LOSS_EVENT)},
		{NAMED(LOSS_EINTR_RACE)}, {NAMED(LOSS_INTERN)}, {NAMED(LOSS_POOL)},
		{NAMED(LOSS_HOLD)}};

	compare(&holter__record__loss_kind__descriptor, ours, sizeof(ours) / sizeof(ours[0]));
	ck_assert_int_eq(LOSS_KINDS, sizeof(ours) / sizeof(ours[0]));
}
END_TEST

START_TEST(enum_note_kind)
{
	static const struct named ours[] = {{NAMED(NOTE_UNKNOWN)}, {NAMED(NOTE_STOOD_ASIDE)},
		{NAMED(NOTE_LIMITED)}, {NAMED(NOTE_RESUMED)}};

	compare(&holter__record__note_kind__descriptor, ours, sizeof(ours) / sizeof(ours[0]));
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("record_format");
	TCase *enums = tcase_create("enums");

	tcase_add_test(enums, enum_mode);
	tcase_add_test(enums, enum_frame_kind);
	tcase_add_test(enums, enum_doubt);
	tcase_add_test(enums, enum_wait_call);
	tcase_add_test(enums, enum_loss_kind);
	tcase_add_test(enums, enum_note_kind);
	suite_add_tcase(suite, enums);
	return suite;
}
