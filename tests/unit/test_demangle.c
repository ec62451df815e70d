/* SPDX-License-Identifier: Apache-2.0 */
/* test_demangle.c - names of C, C++ and Rust functions as their authors wrote them; hostile names.
 */
#include "suite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "demangle.h"
#include "qualified_name.h"

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
	{"_ZN4node6crypto9PBKDF2Job3RunEPKci", "node::crypto::PBKDF2Job::Run"},
	{"_ZNKSt6vectorIiSaIiEE4sizeEv.isra.0", "std::vector::size"},
	{"_ZN3foo3barEi.cold", "foo::bar"},
	{"_ZN3foo3barEi.123", "foo::bar"},
	/* return types, parameters and qualifiers; by g++ 12 */
	{"_ZN12_GLOBAL__N_14rankINSt7__cxx1112basic_stringIcSt11char_"
	 "traitsIcESaIcEEEEElSt6vectorIT_"
	 "SaIS7_EE",
		"rank"},
	{"_ZN12_GLOBAL__N_13Hid3runEv", "Hid::run"},
	{"_ZNKO3Ref1qEv", "Ref::q"},
	{"_Z3tagB5cxx11v", "tag"},
	{"_Z2crIiERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEET_", "cr"},
	{"_Z4getfIiEPFvcET_", "getf"},                /* void (*getf<int>(int))(char) */
	{"_Z4getaIiERA3_iT_", "geta"},                /* int (&geta<int>(int))[3] */
	{"_Z4getmIiEMN4shop6LedgerEKFiiET_", "getm"}, /* int (shop::Ledger::*getm<int>(int))(int) */
	{"_Z2dtISt6vectorIiSaIiEEEDTplcldtfp_4sizeELi1EET_", "dt"},
	{"_Z2dpISt6vectorIiSaIiEEEDTcldtdefp_4sizeEEPT_", "dp"}, /* decltype (({parm#1}->size)()) */
	{"_Z2gtIiE2BoIXgtstT_Li1EEES1_", "gt"}, /* Bo<((sizeof (int))>(1))> gt<int>(int) */
	{"_Z2shIiE2SzIXrsstT_Li1EEES1_", "sh"}, /* Sz<(sizeof (int))>>(1)> sh<int>(int) */
	{"_Z3varIJicEEiSt8functionIFvDpT_EE", "var"},
	{"_Z2mfIXadL_ZNK4shop6LedgerltERKS1_EEEiv", "mf"},
	{"_ZSt4swapI1AEvRT_S2_", "std::swap"},
	/* operators */
	{"_ZNK4shop6LedgerltERKS0_", "shop::Ledger::operator<"},
	{"_ZltIiEbSt6vectorIT_SaIS1_EEN4shop6LedgerE", "operator<"},
	{"_ZlsIiEbSt6vectorIT_SaIS1_EEN4shop6LedgerE", "operator<<"},
	{"_ZgtIiEbSt6vectorIT_SaIS1_EEN4shop6LedgerE", "operator>"},
	{"_ZrsIiEbSt6vectorIT_SaIS1_EEN4shop6LedgerE", "operator>>"},
	{"_ZN4shop6LedgerptEv", "shop::Ledger::operator->"},
	{"_ZN4shop6LedgerpmEi", "shop::Ledger::operator->*"},
	{"_ZNK4shop6LedgerclEi", "shop::Ledger::operator()"},
	{"_ZN4shop6LedgerixEi", "shop::Ledger::operator[]"},
	{"_ZN4shop6LedgercmEi", "shop::Ledger::operator,"},
	{"_ZN4shop6LedgernwEm", "shop::Ledger::operator new"},
	{"_ZN4shop6LedgernaEm", "shop::Ledger::operator new[]"},
	{"_ZdaPv", "operator delete[]"},
	{"_Zli3_kmy", "operator\"\"_km"},
	{"_ZNK4shop6LedgercviEv", "shop::Ledger::operator int"},
	{"_ZNK4shop6LedgercvSt6vectorIiSaIiEEEv", "shop::Ledger::operator std::vector"},
	{"_ZNK4shop6LedgercvPFviEEv", "shop::Ledger::operator void (*)(int)"},
	{"_ZNK4shop6LedgercvPT_IlEEv", "shop::Ledger::operator long*"},
	{"_ZNK4shop6LedgercvN12_GLOBAL__N_13HidEEv", "shop::Ledger::operator Hid"},
	{"_ZN14operator_queue3runEv", "operator_queue::run"},
	/* constructors, destructors; in DWARF those of no kind as well */
	{"_ZN4shop6LedgerC4Ei", "shop::Ledger::Ledger"},
	{"_ZN4shop6LedgerD0Ev", "shop::Ledger::~Ledger"},
	/* what is local to a function */
	{"_ZZNK4shop6Ledger6amountEiEN5Local6methodEi", "shop::Ledger::amount::Local::method"},
	{"_ZZ5serveiENKUliE_clEi", "serve::{lambda#1}::operator()"},
	{"_ZZ5serveiENKUlT_E0_clIiEEDaS_", "serve::{lambda#2}::operator()"},
	{"_ZZ5serveiENK3$_1clEi", "serve::$_1::operator()"}, /* clang */
	{"_ZZ1fvEN1SUt_3runEv", "f::S::{unnamed type#1}::run"},
	{"_ZGVZ7guardedvE1x", "guard variable for guarded::x"},
	{"_ZThn16_N1D1gEv", "non-virtual thunk to D::g"},
	{"_ZTv0_n24_NSt14basic_ifstreamIcSt11char_traitsIcEED1Ev",
		"virtual thunk to std::basic_ifstream::~basic_ifstream"},
	{"_ZTV1D", "vtable for D"},
	{"_Z", "_Z"},
	{"_ZZZZZZ", "_ZZZZZZ"},
	/* Rust, legacy */
	{"_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write"},
	{"_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$"
	 "3bar17h930b740aa94f1d3aE",
		"<Test + 'static as foo::Bar>::bar"},
	{"_ZN3std2rt10lang_start28_$u7b$$u7b$closure$u7d$$u7d$17h00112233445566ffE",
		"std::rt::lang_start::{{closure}}"},
	/* Rust, v0: the examples of the rustc book's chapter on the format, and of RFC 2603 */
	{"_RNvCs15kBYyAo9fc_7mycrate7example", "mycrate::example"},
	{"_RNvC6_123foo3bar", "123foo::bar"},
	{"_RNCNCNgCs6DXkGYLi8lr_2cc5spawn00B5_", "cc::spawn::{closure#0}::{closure#0}"},
	{"_RINbNbCskIICzLVDPPb_5alloc5alloc8box_freeDINbNiB4_5boxed5FnBoxuEp6OutputuEL_"
	 "ECs1iopQbuBiw2_3std",
		"alloc::alloc::box_free"},
	{"_RMC0INtC8arrayvec8ArrayVechKj7b_E", "arrayvec::ArrayVec"},
	{"_RNqCs4fqI2P2rA04_11utf8_identsu30____7hkackfecea1cbdathfdh9hlq6y",
		"utf8_idents::\u10e1\u10d0\u10ed\u10db\u10d4\u10da\u10d0\u10d3_"
		"\u10d2\u10d4\u10db\u10e0\u10d8\u10d4\u10da\u10d8_"
		"\u10e1\u10d0\u10d3\u10d8\u10da\u10d8"},
	{"_RNvMNtCs1_4demo3netNtB2_4Conn4pollCs2_3bin", "demo::net::Conn::poll"},
	{"_RNvXCs1_4demoNtB2_4ConnNtNtCs2_4core3fmt5Debug3fmt",
		"<demo::Conn as core::fmt::Debug>::fmt"},
	{"_RINvNtNtNtNtCs1_4core5slice4sort6stable9quicksort9quicksortmNCNvC4demo5build0EC4demo",
		"core::slice::sort::stable::quicksort::quicksort"},
	{"_RNvYRShNtC4demo5Total5total", "<&[u8] as demo::Total>::total"},
	{"_RNvMC4demoe4trim", "<str>::trim"},
	{"_RINvC4demo4callKc3e_E", "demo::call"}, /* ::<'>'> */
	{"_ZN5alloc5slice29_$LT$impl$u20$$u5b$T$u5d$$GT$4sort17h0123456789abcdefE",
		"alloc::slice::<impl [T]>::sort"},
	{"_ZN81_$LT$alloc..vec..Vec$LT$T$C$A$GT$$u20$as$u20$core..ops..index..Index$LT$I$GT$$GT$"
	 "5index17h0123456789abcdefE",
		"<alloc::vec::Vec as core::ops::index::Index>::index"},
	{"_ZN4core3ptr42drop_in_place$LT$alloc..string..String$GT$17h0123456789abcdefE",
		"core::ptr::drop_in_place"},
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

/* The whole of a v0 name, which the qualified one leaves out. */
START_TEST(types_in_v0_names)
{
	static const char *const whole[][2] = {
		{"_RINvC4demo4callRShQAtj4_FUKCPmOlEuE", "demo::call::<&[u8], &mut [u16; 4], "
							 "unsafe extern \"C\" fn(*const u32, *mut "
							 "i32)>"},
		{"_RINvC4demo4callTlEL_Kb1_Kc61_Kln5_KpE",
			"demo::call::<(i32,), '_, true, 'a', -5, _>"},
		{"_RINvC4demo4callFG_RL0_eEReE", "demo::call::<for<'a> fn(&'a str) -> &str>"},
		{"_RINbNbCskIICzLVDPPb_5alloc5alloc8box_freeDINbNiB4_5boxed5FnBoxuEp6OutputuEL_"
		 "ECs1iopQbuBiw2_3std",
			"alloc::alloc::box_free::<dyn alloc::boxed::FnBox<(), Output = ()>>"},
	};

	for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++) {
		char text[DEMANGLE_OUTPUT_MAX], *readable = demangle(whole[i][0]);

		ck_assert_int_gt(demangle_rust_v0(whole[i][0], text, sizeof(text)), 0);
		ck_assert_str_eq(text, whole[i][1]);
		ck_assert_ptr_null(strchr(readable, '<'));
		free(readable);
	}
}
END_TEST

/* Names as DWARF has them, of functions that nobody links to. */
START_TEST(names_of_debug_information)
{
	static const char *const given[][2] = {
		{"rank<std::__cxx11::basic_string<char> >", "rank"},
		{"mf<&shop::Ledger::operator<>", "mf"},
		{"operator<< <int>", "operator<<"},
		{"operator><int>", "operator>"},
		{"operator new []", "operator new[]"},
		{"operator shop::Ledger::fp", "operator shop::Ledger::fp"},
		{"<lambda(int)>", "{lambda}"},
		{"<lambda(auto:1)>", "{lambda}"},
		{"~Ledger", "~Ledger"},
	};

	for (size_t i = 0; i < sizeof(given) / sizeof(*given); i++) {
		char name[64];

		ck_assert(qualified_name_cxx(given[i][0], name));
		ck_assert_str_eq(name, given[i][1]);
	}
}
END_TEST

START_TEST(texts_that_are_no_names)
{
	static const char *const cxx[] = {
		"",
		"(",
		")",
		"<",
		">",
		"f<",
		"f(",
		"f<(>",
		"int ",
		"a::",
		"{",
		"f(int)::{lambda(",
		"operator (",
		"decltype (",
		"f)",
		"void (*f<int>(int",
		"guard variable for ",
	};
	static const char *const rust[] = {"", ">", "<", "a<", "<a", "a>", "a::<"};
	char name[64];

	for (size_t i = 0; i < sizeof(cxx) / sizeof(*cxx); i++)
		ck_assert_msg(!qualified_name_cxx(cxx[i], name), "%s", cxx[i]);
	for (size_t i = 0; i < sizeof(rust) / sizeof(*rust); i++)
		ck_assert_msg(!qualified_name_rust(rust[i], name), "%s", rust[i]);
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
	tcase_add_test(names_case, types_in_v0_names);
	tcase_add_test(names_case, names_of_debug_information);
	tcase_add_test(names_case, texts_that_are_no_names);
	tcase_add_test(names_case, long_name_is_cut);
	tcase_add_test(names_case, deep_v0_name);
	tcase_add_test(names_case, multiplying_v0_name);
	tcase_add_test(names_case, small_room);
	suite_add_tcase(suite, names_case);
	return suite;
}
