/* SPDX-License-Identifier: Apache-2.0 */
/* origin.c - see origin.h. */
#include "origin.h"

#include <ctype.h>
#include <string.h>

enum {
	ROOT_FRAMES = 16, /* of a stack, from its outermost: Rust's start of a program or thread */
};

/* Where headers and compilers lie. An application's sources may be anywhere else below /usr. */
static const char *const header_folders[] = {
	"/usr/include/",
	"/usr/local/include/",
	"/usr/lib/gcc/",
	"/usr/lib/llvm",
	"/nix/store/",
	"/gnu/store/",
};

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* A C++ library's headers, wherever its compiler is: PREFIX/include/c++/12/,
 * PREFIX/include/c++/v1/.
 */
static bool in_cxx_headers(const char *file)
{
	static const char folder[] = "/include/c++/";
	const char *found = strstr(file, folder);

	if (!found)
		return false;
	found += strlen(folder);
	found += *found == 'v';
	return isdigit((unsigned char)*found);
}

/* Rust's library, by the name that its compiler was built with, as Debian installs it, and as
 * rustup does. */
static bool in_rust_library(const char *file)
{
	if (starts_with(file, "/rustc/") || starts_with(file, "/usr/src/rustc-"))
		return strstr(file, "/library/") != NULL;
	return strstr(file, "/lib/rustlib/src/rust/library/") != NULL;
}

static bool is_library_file(const char *file)
{
	for (size_t i = 0; i < sizeof(header_folders) / sizeof(header_folders[0]); i++) {
		if (starts_with(file, header_folders[i]))
			return true;
	}
	return in_cxx_headers(file) || in_rust_library(file);
}

/* Names of Rust's start of a program and of a thread. In C++ nobody may have them. */
static bool is_rust_root(const char *name)
{
	return starts_with(name, "std::rt::") || starts_with(name, "std::sys::") ||
	       starts_with(name, "std::sys_common::");
}

static bool find_rust(const struct recording *recording)
{
	for (size_t i = 0; i < recording->stack_count; i++) {
		const struct stack *stack = recording->stacks[i];

		for (size_t j = 0; j < stack->count && j < ROOT_FRAMES; j++) {
			const struct frame *frame = &stack->frames[stack->count - 1 - j];

			if (frame->function && is_rust_root(frame->function->name))
				return true;
		}
	}
	return false;
}

/* Each function may want to know, and all stacks may have to be searched. */
static bool has_rust(struct recording *recording)
{
	if (recording->has_rust == 0)
		recording->has_rust = find_rust(recording) ? 1 : -1;
	return recording->has_rust > 0;
}

/* A scope is meant by what its path begins with: "std::map::operator[]". */
static bool is_library_path(const char *name, struct recording *recording)
{
	if (starts_with(name, "std::"))
		return true;
	if (starts_with(name, "__"))
		return strstr(name, "::") != NULL;
	/* C++ programs may well have a namespace of such a name. */
	return (starts_with(name, "core::") || starts_with(name, "alloc::")) && has_rust(recording);
}

/* What a type is made of: the path in `&mut [demo::Order]`. */
static const char *first_path(const char *type)
{
	static const char *const words[] = {"mut ", "const ", "dyn "};
	bool skipped = true;

	while (skipped) {
		type += strspn(type, "<&*[( ");
		skipped = false;
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
			if (starts_with(type, words[i])) {
				type += strlen(words[i]);
				skipped = true;
			}
		}
	}
	return type;
}

/* A type without a path is one of the language's own, or any: then the trait decides. */
static bool is_library_type(const char *type, struct recording *recording)
{
	const char *path = first_path(type), *end = path;

	while (isalnum((unsigned char)*end) || *end == '_')
		end++;
	return end[0] != ':' || end[1] != ':' || is_library_path(path, recording);
}

/*
 * `<TYPE as TRAIT>::f`: an implementation lies with the type or with the trait (Rust reference,
 * "Orphan rules"), so that one of the application's makes it the application's.
 */
static bool is_library_implementation(const char *name, struct recording *recording)
{
	const char *trait = strstr(name, " as ");

	return is_library_type(name, recording) &&
	       (!trait || is_library_type(trait + strlen(" as "), recording));
}

bool origin_is_library(const struct function *function, struct recording *recording)
{
	if (function->file[0] != '\0')
		return is_library_file(function->file);
	if (function->name[0] == '<')
		return is_library_implementation(function->name, recording);
	return is_library_path(function->name, recording);
}
