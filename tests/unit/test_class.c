/* SPDX-License-Identifier: Apache-2.0 */
/* test_class.c - whose code a frame is, and what it is called: on recordings made by hand. */
#include "suite.h"

#include <string.h>

#include "finding.h"
#include "judged.h"
#include "made.h"

static const char NODE[] = "node 20.20.2";
static const char NODE_PATH[] = "/usr/bin/node";
static const char PYTHON[] = "python 3.11.2";
static const char PYTHON_PATH[] = "/usr/bin/python3.11";

static const struct {
	const char *frame;
	const char *runtime, *program;
	enum frame_class expected;
} classes[] = {
	{"f@/app/server.js:2", NODE, NODE_PATH, CLASS_APPLICATION},
	{"f@file:///app/server.mjs:2", NODE, NODE_PATH, CLASS_APPLICATION},
	{"f@evalmachine.<anonymous>:2", NODE, NODE_PATH, CLASS_APPLICATION},
	{"f@:2", NODE, NODE_PATH, CLASS_DEPENDENCY},
	{"f@/app/node_modules/pg/lib/client.js:2", NODE, NODE_PATH, CLASS_DEPENDENCY},
	{"f@node_modules/pg/lib/client.js:2", NODE, NODE_PATH, CLASS_DEPENDENCY},
	{"f@/app/my_node_modules/client.js:2", NODE, NODE_PATH, CLASS_APPLICATION},
	{"f@node:internal/fs:2", NODE, NODE_PATH, CLASS_RUNTIME},
	{"f!/usr/bin/node", NODE, NODE_PATH, CLASS_NATIVE_LIBRARY},
	{"f!/opt/node/bin/node", NODE, "/opt/node/bin/node", CLASS_NATIVE_LIBRARY},
	{"f!/app/node_modules/bcrypt/bcrypt.node", NODE, NODE_PATH, CLASS_DEPENDENCY},
	{"f!/app/build/Release/own.node", NODE, NODE_PATH, CLASS_APPLICATION},
	{"f!/usr/bin/redis-server", "", "/usr/bin/redis-server", CLASS_APPLICATION},
	{"f!/usr/lib/own/server_(deleted)", "", "/usr/lib/own/server", CLASS_APPLICATION},
	{"f!/usr/lib/x86_64-linux-gnu/libc.so.6", "", "/srv/server", CLASS_NATIVE_LIBRARY},
	{"f!/lib64/libc.so.6", "", "/srv/server", CLASS_NATIVE_LIBRARY},
	{"f!/srv/lib/libours.so", "", "/srv/server", CLASS_APPLICATION},
	{"f!/opt/holter/libholter.so", "", "/srv/server", CLASS_NATIVE_LIBRARY},
	{"f!/usr/lib/python3/dist-packages/numpy/core.so", "python 3.11.2", "/usr/bin/python3.11",
		CLASS_DEPENDENCY},
	{"f!/opt/py/lib/libpython3.13.so.1.0", PYTHON, PYTHON_PATH, CLASS_NATIVE_LIBRARY},
	{"f!/opt/py/lib/python3.13/lib-dynload/_json.so", PYTHON, PYTHON_PATH,
		CLASS_NATIVE_LIBRARY},
	{"f!/srv/app/fast.cpython-311-x86_64-linux-gnu.so", PYTHON, PYTHON_PATH, CLASS_APPLICATION},
	{"f![vdso]", "", "/srv/server", CLASS_NATIVE_LIBRARY},
	{"!", "", "/srv/server", CLASS_NATIVE_LIBRARY},
	{"jitted!", "", "/srv/server", CLASS_APPLICATION},
	{"jitted!", NODE, NODE_PATH, CLASS_NATIVE_LIBRARY},
};

/* Code in the server's own file, by its debug information or, without any, by its name. */
static const struct {
	const char *name, *file;
	bool in_rust; /* the stack begins as Rust's do */
	enum frame_class expected;
} origins[] = {
	{"shop::Ledger::amount", "/srv/src/ledger.cpp", false, CLASS_APPLICATION},
	{"std::hash::operator()", "/srv/src/order.h", false, CLASS_APPLICATION},
	{"std::map::operator[]", "/usr/include/c++/12/bits/stl_map.h", false, CLASS_NATIVE_LIBRARY},
	{"f", "/opt/gcc/x86_64-linux-gnu/include/c++/13.2.0/regex", false, CLASS_NATIVE_LIBRARY},
	{"f", "/opt/llvm/include/c++/v1/vector", false, CLASS_NATIVE_LIBRARY},
	{"f", "/srv/include/c++/order.h", false, CLASS_APPLICATION},
	{"f", "/usr/local/include/nlohmann/json.hpp", false, CLASS_NATIVE_LIBRARY},
	{"_mm_crc32_u64", "/usr/lib/gcc/x86_64-linux-gnu/12/include/smmintrin.h", false,
		CLASS_NATIVE_LIBRARY},
	{"f", "/usr/src/app/server.cpp", false, CLASS_APPLICATION},
	{"f", "server.cpp", false, CLASS_APPLICATION},
	{"quicksort",
		"/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/slice/sort/"
		"mod.rs",
		true, CLASS_NATIVE_LIBRARY},
	{"f", "/home/u/.rustup/toolchains/stable/lib/rustlib/src/rust/library/std/src/rt.rs", true,
		CLASS_NATIVE_LIBRARY},
	{"f", "/usr/src/rustc-1.63.0/library/alloc/src/vec/mod.rs", true, CLASS_NATIVE_LIBRARY},
	{"f", "/rustc/main.rs", true, CLASS_APPLICATION},
	{"f", "/home/u/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/serde-1.0.2/src/de.rs",
		true, CLASS_DEPENDENCY},
	{"f", "/usr/local/cargo/git/checkouts/mio-4f2a/77aa/src/lib.rs", true, CLASS_DEPENDENCY},
	{"f", "/rust/deps/hashbrown-0.15.2/src/raw/mod.rs", true, CLASS_DEPENDENCY},
	{"<core::fmt::Formatter as demo::Paint>::paint", "/srv/src/main.rs", true,
		CLASS_APPLICATION},
	/* without a file */
	{"main", "", false, CLASS_APPLICATION},
	{"__process", "", false, CLASS_APPLICATION},
	{"stdx::map::find", "", false, CLASS_APPLICATION},
	{"shop::std::sort", "", false, CLASS_APPLICATION},
	{"std::__detail::_Executor::_M_dfs", "", false, CLASS_NATIVE_LIBRARY},
	{"__gnu_cxx::__normal_iterator::operator*", "", false, CLASS_NATIVE_LIBRARY},
	{"__cxxabiv1::__dynamic_cast", "", false, CLASS_NATIVE_LIBRARY},
	{"core::Server::run", "", false, CLASS_APPLICATION},
	{"alloc::Pool::get", "", false, CLASS_APPLICATION},
	{"core::slice::sort::stable::quicksort::quicksort", "", true, CLASS_NATIVE_LIBRARY},
	{"alloc::slice::<impl [T]>::sort", "", true, CLASS_NATIVE_LIBRARY},
	{"std::collections::hash::map::HashMap::insert", "", true, CLASS_NATIVE_LIBRARY},
	{"demo::Conn::poll", "", true, CLASS_APPLICATION},
	{"demo::_::<impl serde::de::Deserialize for demo::Order>::deserialize", "", true,
		CLASS_APPLICATION},
	{"<demo::Order as core::cmp::Ord>::cmp", "", true, CLASS_APPLICATION},
	{"<&mut demo::Order as core::fmt::Debug>::fmt", "", true, CLASS_APPLICATION},
	{"<alloc::vec::Vec as demo::Total>::total", "", true, CLASS_APPLICATION},
	{"<u64 as demo::Total>::total", "", true, CLASS_APPLICATION},
	{"<alloc::vec::Vec as core::ops::drop::Drop>::drop", "", true, CLASS_NATIVE_LIBRARY},
	{"<&mut [u8] as std::io::Read>::read", "", true, CLASS_NATIVE_LIBRARY},
	{"<dyn core::any::Any>::is", "", true, CLASS_NATIVE_LIBRARY},
	{"<str>::trim", "", true, CLASS_NATIVE_LIBRARY},
	{"<dyn demo::Shape>::area", "", true, CLASS_APPLICATION},
};

START_TEST(class_of_code_in_the_servers_own_file)
{
	struct recording *made = made_recording("", "/srv/server");
	struct function function = {.name = origins[_i].name, .file = origins[_i].file};
	struct stack *stack = made_stack(
		made, origins[_i].in_rust ? "f!/srv/server std::rt::lang_start!/srv/server"
					  : "f!/srv/server main!/srv/server");

	stack->frames[0].function = &function;
	ck_assert_int_eq(frame_class(&stack->frames[0], made), origins[_i].expected);
	made_free(made);
}
END_TEST

/* Where the file as a whole is somebody else's, a name makes it nobody's own. */
START_TEST(class_of_a_templates_instance_in_a_package)
{
	const struct function function = {
		.name = "std::sort", .file = "/usr/include/c++/12/algorithm"};
	struct stack *stack = made_stack(recording, "f!/app/node_modules/bcrypt/bcrypt.node");

	stack->frames[0].function = &function;
	ck_assert_int_eq(frame_class(&stack->frames[0], recording), CLASS_DEPENDENCY);
}
END_TEST

/* A package that was compiled stays one, and what is bundled is judged by where it came from. */
START_TEST(class_of_a_mapped_frame)
{
	static const struct {
		const char *frame, *generated;
		enum frame_class expected;
	} mapped[] = {
		{"f@/app/src/x.ts:2", "/app/dist/main.js", CLASS_APPLICATION},
		{"f@/app/node_modules/pg/lib/client.ts:2", "/app/dist/main.js", CLASS_DEPENDENCY},
		{"f@src/client.ts:2", "/app/node_modules/pg/dist/client.js", CLASS_DEPENDENCY},
	};

	for (size_t i = 0; i < sizeof(mapped) / sizeof(mapped[0]); i++) {
		const struct function function = {.name = "a", .file = mapped[i].generated};
		const struct generated generated = {.function = &function};
		struct stack *stack = made_stack(recording, mapped[i].frame);

		stack->frames[0].generated = &generated;
		ck_assert_int_eq(frame_class(&stack->frames[0], recording), mapped[i].expected);
	}
}
END_TEST

START_TEST(class_of_frame)
{
	struct recording *made = made_recording(classes[_i].runtime, classes[_i].program);
	struct stack *stack = made_stack(made, classes[_i].frame);

	/* Blanks part frames, so that a path's blank is written as '_'. */
	if (stack->frames[0].mapping) {
		char *blank = strstr((char *)stack->frames[0].mapping->record.path, "_(deleted)");

		if (blank)
			*blank = ' ';
	}
	ck_assert_int_eq(frame_class(&stack->frames[0], made), classes[_i].expected);
	made_free(made);
}
END_TEST

static const struct {
	const char *file;
	enum frame_class expected;
} python_classes[] = {
	{"/srv/app.py", CLASS_APPLICATION},
	{"<string>", CLASS_APPLICATION},
	{"/usr/lib/mailer/server.py", CLASS_APPLICATION},
	{"/usr/lib/python3.11/asyncio/events.py", CLASS_RUNTIME},
	{"/opt/py/lib/python3.13/json/decoder.py", CLASS_RUNTIME},
	{"/usr/lib64/python3.9/ssl.py", CLASS_RUNTIME},
	{"/usr/lib/python311.zip/abc.py", CLASS_RUNTIME},
	{"<frozen importlib._bootstrap>", CLASS_RUNTIME},
	{"/srv/venv/lib/python3.11/site-packages/flask/app.py", CLASS_DEPENDENCY},
	{"/usr/lib/python3/dist-packages/flask/app.py", CLASS_DEPENDENCY},
};

START_TEST(class_of_python_frame)
{
	struct function function = {.name = "f", .file = python_classes[_i].file};
	struct frame frame = {.kind = FRAME_PYTHON, .function = &function};

	ck_assert_int_eq(frame_class(&frame, recording), python_classes[_i].expected);
}
END_TEST

START_TEST(nothing_is_known_of_an_unread_script_frame)
{
	struct stack *stack = made_stack(recording, "f@/app/a.js:2 g@/app/a.js:2");

	stack->frames[0].function = NULL;
	ck_assert_int_eq(frame_class(&stack->frames[0], recording), CLASS_RUNTIME);
	stack->frames[1].kind = FRAME_JS_BUILTIN;
	ck_assert_int_eq(frame_class(&stack->frames[1], recording), CLASS_RUNTIME);
}
END_TEST

START_TEST(names_of_frames)
{
	struct stack *stack = made_stack(
		recording, "f@/app/a.js:2 ()@/app/a.js:9 !/usr/lib/libssl.so.3 g!/usr/bin/node |");

	ck_assert_str_eq(frame_name(&stack->frames[0], recording), "f");
	ck_assert_str_eq(frame_name(&stack->frames[1], recording), "<anonymous>");
	ck_assert_str_eq(frame_name(&stack->frames[2], recording), "libssl.so.3+0x123");
	ck_assert_str_eq(frame_name(&stack->frames[3], recording), "g");
	ck_assert_str_eq(frame_name(&stack->frames[4], recording), "[callers not found]");
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("class");
	TCase *tcase = tcase_create("class");

	tcase_add_checked_fixture(tcase, begin_node, finish);
	tcase_add_loop_test(tcase, class_of_frame, 0, sizeof(classes) / sizeof(classes[0]));
	tcase_add_loop_test(tcase, class_of_code_in_the_servers_own_file, 0,
		sizeof(origins) / sizeof(origins[0]));
	tcase_add_test(tcase, class_of_a_templates_instance_in_a_package);
	tcase_add_test(tcase, class_of_a_mapped_frame);
	tcase_add_loop_test(tcase, class_of_python_frame, 0,
		sizeof(python_classes) / sizeof(python_classes[0]));
	tcase_add_test(tcase, nothing_is_known_of_an_unread_script_frame);
	tcase_add_test(tcase, names_of_frames);
	suite_add_tcase(suite, tcase);
	return suite;
}
