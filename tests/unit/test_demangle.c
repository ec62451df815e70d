/* SPDX-License-Identifier: Apache-2.0 */
/* test_demangle.c - names of C, C++ and Rust functions as their authors wrote them; hostile names.
 */
#include "suite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "demangle.h"

static const struct {
	const char *name, *readable;
} cases[] = {
	/* C, and what compilers and linkers add */
	{"main", "main"},
	{"", ""},
	{"luaV_execute", "luaV_execute"},
	{"je_malloc.constprop.0", "je_malloc"},
	{"processCommand.isra.0.cold", "processCommand"},
	{"parse.part.3", "parse"},
	{"spin.lto_priv.12", "spin"},
	{"memcpy@@GLIBC_2.14", "memcpy"},
	{"epoll_wait@GLIBC_2.3.2", "epoll_wait"},
	{"file.partial", "file.partial"},
	{"go.(*T).cold_start", "go.(*T).cold_start"},
	/* C++ */
	{"_ZN4node6crypto9PBKDF2Job3RunEPKci", "node::crypto::PBKDF2Job::Run(char const*, int)"},
	{"_ZNKSt6vectorIiSaIiEE4sizeEv.isra.0",
		"std::vector<int, std::allocator<int> >::size() const"},
	{"_ZN3foo3barEi.cold", "foo::bar(int)"},
	{"_Z", "_Z"},
	{"_ZZZZZZ", "_ZZZZZZ"},
	/* Rust, legacy */
	{"_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write"},
	{"_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$"
	 "3bar17h930b740aa94f1d3aE",
		"<Test + 'static as foo::Bar<Test>>::bar"},
	{"_ZN3std2rt10lang_start28_$u7b$$u7b$closure$u7d$$u7d$17h00112233445566ffE",
		"std::rt::lang_start::{{closure}}"},
	/* Rust, v0: the examples of the rustc book's chapter on the format, and of RFC 2603 */
	{"_RNvCs15kBYyAo9fc_7mycrate7example", "mycrate::example"},
	{"_RNvC6_123foo3bar", "123foo::bar"},
	{"_RNCNCNgCs6DXkGYLi8lr_2cc5spawn00B5_", "cc::spawn::{closure#0}::{closure#0}"},
	{"_RINbNbCskIICzLVDPPb_5alloc5alloc8box_freeDINbNiB4_5boxed5FnBoxuEp6OutputuEL_"
	 "ECs1iopQbuBiw2_3std",
		"alloc::alloc::box_free::<dyn alloc::boxed::FnBox<(), Output = ()>>"},
	{"_RMC0INtC8arrayvec8ArrayVechKj7b_E", "<arrayvec::ArrayVec<u8, 123>>"},
	{"_RNqCs4fqI2P2rA04_11utf8_identsu30____7hkackfecea1cbdathfdh9hlq6y",
		"utf8_idents::\u10e1\u10d0\u10ed\u10db\u10d4\u10da\u10d0\u10d3_"
		"\u10d2\u10d4\u10db\u10e0\u10d8\u10d4\u10da\u10d8_"
		"\u10e1\u10d0\u10d3\u10d8\u10da\u10d8"},
	{"_RNvMNtCs1_4demo3netNtB2_4Conn4pollCs2_3bin", "<demo::net::Conn>::poll"},
	{"_RNvXCs1_4demoNtB2_4ConnNtNtCs2_4core3fmt5Debug3fmt",
		"<demo::Conn as core::fmt::Debug>::fmt"},
	{"_RINvC4demo4callRShQAtj4_FUKCPmOlEuE",
		"demo::call::<&[u8], &mut [u16; 4], unsafe extern \"C\" fn(*const u32, *mut i32)>"},
	{"_RINvC4demo4callTlEL_Kb1_Kc61_Kln5_KpE", "demo::call::<(i32,), '_, true, 'a', -5, _>"},
	{"_RINvC4demo4callFG_RL0_eEReE", "demo::call::<for<'a> fn(&'a str) -> &str>"},
	{"_RNvC4demo3foo.llvm.1234", "demo::foo"},
	{"_RNvC4demo3foo.cold", "demo::foo"},
	/* malformed: as it is */
	{"_R", "_R"},
	{"_RNvC4demo", "_RNvC4demo"},
	{"_RNvC99999999999999999999demo3foo", "_RNvC99999999999999999999demo3foo"},
	{"_RINvC4demo4callBg_E", "_RINvC4demo4callBg_E"},
	{"_RNvC4demo3fooX", "_RNvC4demo3fooX"},
	{"_RINvC4demo4callRL9_eE", "_RINvC4demo4callRL9_eE"},
};

START_TEST(names)
{
	char *readable = demangle(cases[_i].name);

	ck_assert_ptr_nonnull(readable);
	ck_assert_str_eq(readable, cases[_i].readable);
	free(readable);
}
END_TEST

/* Every beginning of every name ends without a crash, and is bounded. */
START_TEST(cut_names)
{
	for (size_t length = 0; length < strlen(cases[_i].name); length++) {
		char *cut = strndup(cases[_i].name, length);
		char *readable = demangle(cut);

		ck_assert_ptr_nonnull(readable);
		ck_assert_uint_le(strlen(readable), DEMANGLE_OUTPUT_MAX);
		free(readable);
		free(cut);
	}
}
END_TEST

START_TEST(long_name_is_cut)
{
	static char name[DEMANGLE_INPUT_MAX + 100];
	char *readable;

	memset(name, 'a', sizeof(name) - 1);
	readable = demangle(name);
	ck_assert_uint_eq(strlen(readable), DEMANGLE_OUTPUT_MAX);
	ck_assert_str_eq(readable + DEMANGLE_OUTPUT_MAX - 4, "a...");
	free(readable);
}
END_TEST

START_TEST(deep_v0_name)
{
	static const char begin[] = "_RINvC1a1b";
	static char name[4000];
	char text[DEMANGLE_OUTPUT_MAX];

	/* A reference to a reference to … */
	memset(name, 'R', 3000);
	memcpy(name, begin, sizeof(begin) - 1);
	memcpy(name + 3000, "eE", 3);
	ck_assert_int_eq(demangle_rust_v0(name, text, sizeof(text)), -EINVAL);
}
END_TEST

START_TEST(multiplying_v0_name)
{
	/* Each tuple holds the one before it twice: 2^14 elements. */
	static const char name[] =
		"_RINvC1a1bTTTTTTTTTTTTTTeeEBl_EBk_EBj_EBi_EBh_EBg_EBf_EBe_EBd_EBc_"
		"EBb_EBa_EB9_EB8_EE";
	char text[DEMANGLE_OUTPUT_MAX];

	ck_assert_int_lt(demangle_rust_v0(name, text, sizeof(text)), 0);
}
END_TEST

START_TEST(small_room)
{
	char text[8];

	ck_assert_int_eq(demangle_rust_v0("_RNvC1a1b", text, 5), 4);
	ck_assert_str_eq(text, "a::b");
	ck_assert_int_eq(demangle_rust_v0("_RNvC1a1b", text, 4), -E2BIG);
	ck_assert_int_eq(demangle_rust_v0("_RNvC1a1b", text, 0), -EINVAL);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("demangle");
	TCase *names_case = tcase_create("names");

	tcase_add_loop_test(names_case, names, 0, sizeof(cases) / sizeof(*cases));
	tcase_add_loop_test(names_case, cut_names, 0, sizeof(cases) / sizeof(*cases));
	tcase_add_test(names_case, long_name_is_cut);
	tcase_add_test(names_case, deep_v0_name);
	tcase_add_test(names_case, multiplying_v0_name);
	tcase_add_test(names_case, small_room);
	suite_add_tcase(suite, names_case);
	return suite;
}
