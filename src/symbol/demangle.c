/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demangle.c - see demangle.h. C++ and legacy Rust; v0 is in demangle_rust.c. Source of the legacy
 * escapes: rustc's compiler/rustc_symbol_mangling/src/legacy.rs.
 */
#include "demangle.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "qualified_name.h"

/* The C++ ABI's demangler, section 3.4 of the Itanium C++ ABI; it has C linkage and no C header. */
extern char *__cxa_demangle(const char *name, char *buffer, size_t *length, int *status);

/* Suffixes by which compilers tell copies and pieces of one function apart. */
static const char *const clone_suffixes[] = {
	".constprop",
	".isra",
	".part",
	".cold",
	".lto_priv",
	".localalias",
	".llvm",
	".ipa",
	".warm",
};

static bool is_clone_suffix(const char *dot)
{
	for (size_t i = 0; i < sizeof(clone_suffixes) / sizeof(*clone_suffixes); i++) {
		size_t length = strlen(clone_suffixes[i]);

		if (strncmp(dot, clone_suffixes[i], length) == 0 &&
			(dot[length] == '\0' || dot[length] == '.' || dot[length] == '@'))
			return true;
	}
	return false;
}

/* The length of a name without its symbol version and its clone suffixes. */
static size_t bare_length(const char *name)
{
	for (size_t i = 1; name[0] && name[i]; i++) {
		if (name[i] == '@' || (name[i] == '.' && is_clone_suffix(name + i)))
			return i;
	}
	return strlen(name);
}

/* Rust's legacy scheme is C++'s, with a last component "h" and 16 hexadecimal digits. */
static bool is_rust_legacy(const char *text, size_t length)
{
	if (length < 20 || memcmp(text + length - 19, "::h", 3))
		return false;
	for (size_t i = length - 16; i < length; i++) {
		if (!isdigit((unsigned char)text[i]) && !(text[i] >= 'a' && text[i] <= 'f'))
			return false;
	}
	return true;
}

static const struct {
	const char *code, *text;
} rust_escapes[] = {
	{"$SP$", "@"},
	{"$BP$", "*"},
	{"$RF$", "&"},
	{"$LT$", "<"},
	{"$GT$", ">"},
	{"$LP$", "("},
	{"$RP$", ")"},
	{"$C$", ","},
};

/* "$u7e$": one ASCII character by its number. Returns the bytes consumed; 0: it is none. */
static size_t rust_unicode_escape(const char *at, char *ret)
{
	char *end;
	unsigned long code;

	if (strncmp(at, "$u", 2) != 0 || !isxdigit((unsigned char)at[2]))
		return 0;
	code = strtoul(at + 2, &end, 16);
	if (*end != '$' || code < 0x20 || code > 0x7e)
		return 0;
	*ret = (char)code;
	return (size_t)(end + 1 - at);
}

static size_t rust_escape(const char *at, char *ret)
{
	for (size_t i = 0; i < sizeof(rust_escapes) / sizeof(*rust_escapes); i++) {
		size_t length = strlen(rust_escapes[i].code);

		if (strncmp(at, rust_escapes[i].code, length) == 0) {
			*ret = *rust_escapes[i].text;
			return length;
		}
	}
	return rust_unicode_escape(at, ret);
}

/* Takes the hash off and the escapes out, in place: every escape is longer than what it stands for.
 */
static void rust_legacy_clean(char *text, size_t length)
{
	char *out = text;
	const char *in = text;

	text[length - 19] = '\0';
	while (*in) {
		bool component_start = in == text || in[-1] == ':';
		size_t consumed;
		char escaped;

		/* An identifier cannot begin with '$': such components carry an underscore in
		 * front. */
		if (component_start && in[0] == '_' && in[1] == '$')
			in++;
		consumed = rust_escape(in, &escaped);
		if (consumed) {
			*out++ = escaped;
			in += consumed;
		} else if (in[0] == '.' && in[1] == '.') {
			*out++ = ':';
			*out++ = ':';
			in += 2;
		} else {
			*out++ = *in++;
		}
	}
	*out = '\0';
}

static void cut(char *text)
{
	if (strlen(text) > DEMANGLE_OUTPUT_MAX)
		memcpy(text + DEMANGLE_OUTPUT_MAX - 3, "...", 4);
}

/* Takes a demangled name and returns the qualified one, or the same if it is not understood. */
static char *qualified(char *text, bool (*reduce)(const char *text, char *ret))
{
	char *reduced = text ? malloc(strlen(text) + 1) : NULL;

	if (reduced && reduce(text, reduced)) {
		free(text);
		return reduced;
	}
	free(reduced);
	return text;
}

static char *demangle_cxx(const char *mangled)
{
	int status = 0;
	char *text = __cxa_demangle(mangled, NULL, NULL, &status);
	size_t length;

	if (!text)
		return NULL;
	length = strlen(text);
	if (!is_rust_legacy(text, length))
		return qualified(text, qualified_name_cxx);
	rust_legacy_clean(text, length);
	return qualified(text, qualified_name_rust);
}

static char *demangle_rust(const char *mangled)
{
	char text[DEMANGLE_OUTPUT_MAX];

	if (demangle_rust_v0(mangled, text, sizeof(text)) < 0)
		return NULL;
	return qualified(strdup(text), qualified_name_rust);
}

char *demangle(const char *name)
{
	size_t length = bare_length(name);
	char *bare, *readable = NULL;

	bare = strndup(name, length);
	if (!bare)
		return NULL;
	if (length <= DEMANGLE_INPUT_MAX && strncmp(bare, "_Z", 2) == 0)
		readable = demangle_cxx(bare);
	else if (length <= DEMANGLE_INPUT_MAX && strncmp(bare, "_R", 2) == 0)
		readable = demangle_rust(bare);
	if (readable)
		free(bare);
	else
		readable = bare;
	cut(readable);
	return readable;
}
