/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demangle_rust.c - Rust's v0 symbol names (RFC 2603, "The v0 Symbol Format" of the rustc book),
 * written from that grammar. One function a production; each prints as it parses. A name is
 * hostile text: back references may point at themselves or multiply the output, so that depth,
 * steps and output are bounded.
 *
 * Not here: structural constants (`V`, `A`, `T`, `R` as const generics): such names stay mangled.
 *
 * Tier C.
 */
/*
 * The grammar is recursive, and so are these functions; `enter` bounds the depth.
 * NOLINTBEGIN(misc-no-recursion)
 */
#include "demangle.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "punycode.h"

enum {
	DEPTH_MAX = 200,
	STEPS_MAX = 100000,
};

struct reader {
	const char *text; /* after "_R": back references count from here */
	size_t length, at;
	unsigned depth, steps;
	unsigned silent; /* > 0: parse, but print nothing */
	uint64_t bound_lifetimes;
	char *out;
	size_t size, used;
	int error; /* 0 or a negative errno; sticky */
};

struct identifier {
	const char *bytes;
	size_t length;
	bool punycode;
	uint64_t disambiguator;
};

static void print_path(struct reader *reader, bool in_value);
static void print_type(struct reader *reader);
static void print_const(struct reader *reader);

static void fail(struct reader *reader)
{
	if (!reader->error)
		reader->error = -EINVAL;
}

/* Every production that can call itself goes through here. False: stop. */
static bool enter(struct reader *reader)
{
	if (reader->depth >= DEPTH_MAX || ++reader->steps > STEPS_MAX)
		fail(reader);
	if (reader->error)
		return false;
	reader->depth++;
	return true;
}

static void leave(struct reader *reader)
{
	reader->depth--;
}

static char peek(const struct reader *reader)
{
	return reader->at < reader->length ? reader->text[reader->at] : '\0';
}

static bool eat(struct reader *reader, char wanted)
{
	if (reader->error || peek(reader) != wanted)
		return false;
	reader->at++;
	return true;
}

static char next(struct reader *reader)
{
	if (reader->at >= reader->length) {
		fail(reader);
		return '\0';
	}
	return reader->text[reader->at++];
}

static void put_bytes(struct reader *reader, const char *bytes, size_t length)
{
	if (reader->silent || reader->error)
		return;
	if (length >= reader->size - reader->used) {
		reader->error = -E2BIG;
		return;
	}
	memcpy(reader->out + reader->used, bytes, length);
	reader->used += length;
}

static void put(struct reader *reader, const char *text)
{
	put_bytes(reader, text, strlen(text));
}

__attribute__((format(printf, 2, 3))) static void put_format(
	struct reader *reader, const char *format, ...)
{
	char text[64];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	put(reader, text);
}

/* base-62-number: "_" is 0, anything else is the digits' value plus 1. */
static uint64_t read_base62(struct reader *reader)
{
	uint64_t value = 0;

	if (eat(reader, '_'))
		return 0;
	while (!eat(reader, '_')) {
		char c = next(reader);
		uint64_t digit;

		if (c >= '0' && c <= '9')
			digit = (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'z')
			digit = (uint64_t)(c - 'a') + 10;
		else if (c >= 'A' && c <= 'Z')
			digit = (uint64_t)(c - 'A') + 36;
		else
			digit = UINT64_MAX;
		if (reader->error || digit == UINT64_MAX || value > (UINT64_MAX - 63) / 62) {
			fail(reader);
			return 0;
		}
		value = value * 62 + digit;
	}
	return value + 1;
}

/* An optional number behind `tag`: 0 if it is absent, else the number plus 1. */
static uint64_t read_optional_base62(struct reader *reader, char tag)
{
	return eat(reader, tag) ? read_base62(reader) + 1 : 0;
}

static struct identifier read_undisambiguated(struct reader *reader)
{
	struct identifier identifier = {.punycode = eat(reader, 'u')};
	size_t length = 0;

	if (peek(reader) < '0' || peek(reader) > '9')
		fail(reader);
	if (!eat(reader, '0')) {
		while (peek(reader) >= '0' && peek(reader) <= '9' && length <= reader->length)
			length = length * 10 + (size_t)(next(reader) - '0');
	}
	eat(reader, '_'); /* stands between the length and a name that begins with a digit or '_' */
	if (reader->error || length > reader->length - reader->at) {
		fail(reader);
		return (struct identifier){.bytes = ""};
	}
	identifier.bytes = reader->text + reader->at;
	identifier.length = length;
	reader->at += length;
	return identifier;
}

static struct identifier read_identifier(struct reader *reader)
{
	uint64_t disambiguator = read_optional_base62(reader, 's');
	struct identifier identifier = read_undisambiguated(reader);

	identifier.disambiguator = disambiguator;
	return identifier;
}

static void put_code_point(struct reader *reader, uint32_t code)
{
	char bytes[4];
	size_t length;

	if (code < 0x80) {
		bytes[0] = (char)code;
		length = 1;
	} else if (code < 0x800) {
		bytes[0] = (char)(0xc0 | code >> 6);
		bytes[1] = (char)(0x80 | (code & 0x3f));
		length = 2;
	} else if (code < 0x10000) {
		bytes[0] = (char)(0xe0 | code >> 12);
		bytes[1] = (char)(0x80 | (code >> 6 & 0x3f));
		bytes[2] = (char)(0x80 | (code & 0x3f));
		length = 3;
	} else {
		bytes[0] = (char)(0xf0 | code >> 18);
		bytes[1] = (char)(0x80 | (code >> 12 & 0x3f));
		bytes[2] = (char)(0x80 | (code >> 6 & 0x3f));
		bytes[3] = (char)(0x80 | (code & 0x3f));
		length = 4;
	}
	put_bytes(reader, bytes, length);
}

static void put_identifier(struct reader *reader, const struct identifier *identifier)
{
	uint32_t points[PUNYCODE_MAX];
	size_t count;

	if (!identifier->punycode) {
		put_bytes(reader, identifier->bytes, identifier->length);
		return;
	}
	count = punycode_decode(identifier->bytes, identifier->length, points);
	if (!count)
		fail(reader);
	for (size_t i = 0; i < count; i++)
		put_code_point(reader, points[i]);
}

/* Goes to an earlier place; the caller parses there and then calls back_end. */
static bool back_begin(struct reader *reader, size_t *ret_resume)
{
	size_t tag = reader->at - 1;
	uint64_t target = read_base62(reader);

	if (reader->error || target >= tag) {
		fail(reader);
		return false;
	}
	*ret_resume = reader->at;
	reader->at = (size_t)target;
	return true;
}

static void print_backref(struct reader *reader, void (*production)(struct reader *))
{
	size_t resume;

	/* What is not printed need not be followed: its text has been parsed once. */
	if (!back_begin(reader, &resume))
		return;
	if (!reader->silent)
		production(reader);
	reader->at = resume;
}

/* De Bruijn: 0 is erased, 1 the innermost bound. */
static void print_lifetime(struct reader *reader, uint64_t index)
{
	uint64_t depth;

	if (index == 0) {
		put(reader, "'_");
		return;
	}
	if (index > reader->bound_lifetimes) {
		fail(reader);
		return;
	}
	depth = reader->bound_lifetimes - index;
	if (depth < 26)
		put_format(reader, "'%c", (char)('a' + depth));
	else
		put_format(reader, "'_%" PRIu64, depth);
}

/* [binder]: "for<'a, 'b> ". Returns how many to take off again. */
static uint64_t print_binder(struct reader *reader)
{
	uint64_t count = read_optional_base62(reader, 'G');

	if (reader->error || count > 64) {
		fail(reader);
		return 0;
	}
	if (!count)
		return 0;
	put(reader, "for<");
	for (uint64_t i = 0; i < count; i++) {
		if (i)
			put(reader, ", ");
		reader->bound_lifetimes++;
		print_lifetime(reader, 1);
	}
	put(reader, "> ");
	return count;
}

static void print_generic_argument(struct reader *reader)
{
	if (eat(reader, 'L'))
		print_lifetime(reader, read_base62(reader));
	else if (eat(reader, 'K'))
		print_const(reader);
	else
		print_type(reader);
}

static void print_generic_arguments(struct reader *reader)
{
	for (bool first = true; !reader->error && !eat(reader, 'E'); first = false) {
		if (!first)
			put(reader, ", ");
		print_generic_argument(reader);
	}
}

static void print_nested_path(struct reader *reader, bool in_value)
{
	char space = next(reader);
	struct identifier identifier;
	bool special = space >= 'A' && space <= 'Z';

	if (!special && !(space >= 'a' && space <= 'z'))
		fail(reader);
	print_path(reader, in_value);
	identifier = read_identifier(reader);
	if (!special) {
		if (identifier.length) {
			put(reader, "::");
			put_identifier(reader, &identifier);
		}
		return;
	}
	put(reader, "::{");
	if (space == 'C')
		put(reader, "closure");
	else if (space == 'S')
		put(reader, "shim");
	else
		put_bytes(reader, &space, 1);
	if (identifier.length) {
		put(reader, ":");
		put_identifier(reader, &identifier);
	}
	put_format(reader, "#%" PRIu64 "}", identifier.disambiguator);
}

/* The place of an impl block is part of the name for uniqueness only. */
static void skip_impl_path(struct reader *reader)
{
	reader->silent++;
	read_optional_base62(reader, 's');
	print_path(reader, false);
	reader->silent--;
}

static void print_qualified(struct reader *reader, bool has_trait)
{
	put(reader, "<");
	print_type(reader);
	if (has_trait) {
		put(reader, " as ");
		print_path(reader, false);
	}
	put(reader, ">");
}

static void print_path_here(struct reader *reader)
{
	print_path(reader, false);
}

static void print_path_here_in_value(struct reader *reader)
{
	print_path(reader, true);
}

/* in_value: an expression, where generic arguments are written "::<". */
static void print_path(struct reader *reader, bool in_value)
{
	struct identifier crate;

	if (!enter(reader))
		return;
	switch (next(reader)) {
	case 'C':
		crate = read_identifier(reader);
		put_identifier(reader, &crate);
		break;
	case 'N':
		print_nested_path(reader, in_value);
		break;
	case 'M':
		skip_impl_path(reader);
		print_qualified(reader, false);
		break;
	case 'X':
		skip_impl_path(reader);
		print_qualified(reader, true);
		break;
	case 'Y':
		print_qualified(reader, true);
		break;
	case 'I':
		print_path(reader, in_value);
		put(reader, in_value ? "::<" : "<");
		print_generic_arguments(reader);
		put(reader, ">");
		break;
	case 'B':
		print_backref(reader, in_value ? print_path_here_in_value : print_path_here);
		break;
	default:
		fail(reader);
	}
	leave(reader);
}

static const char *basic_type(char tag)
{
	/* clang-format off */
	static const char *const names[] = { /* by letter, from 'a' */
		"i8", "bool", "char", "f64", "str", "f32", NULL, "u8", "isize", "usize", NULL, "i32", "u32",
		"i128", "u128", "_", NULL, NULL, "i16", "u16", "()", "...", NULL, "i64", "u64", "!",
	};
	/* clang-format on */

	return tag >= 'a' && tag <= 'z' ? names[tag - 'a'] : NULL;
}

static void print_reference(struct reader *reader, const char *mutability)
{
	put(reader, "&");
	if (eat(reader, 'L')) {
		uint64_t lifetime = read_base62(reader);

		if (lifetime) {
			print_lifetime(reader, lifetime);
			put(reader, " ");
		}
	}
	put(reader, mutability);
	print_type(reader);
}

static void print_tuple(struct reader *reader)
{
	size_t count = 0;

	put(reader, "(");
	for (; !reader->error && !eat(reader, 'E'); count++) {
		if (count)
			put(reader, ", ");
		print_type(reader);
	}
	put(reader, count == 1 ? ",)" : ")");
}

/* ABI names are written with '_' for '-'. */
static void print_abi(struct reader *reader)
{
	struct identifier abi;

	put(reader, "extern \"");
	if (eat(reader, 'C')) {
		put(reader, "C");
	} else {
		abi = read_undisambiguated(reader);
		for (size_t i = 0; i < abi.length; i++)
			put_bytes(reader, abi.bytes[i] == '_' ? "-" : abi.bytes + i, 1);
	}
	put(reader, "\" ");
}

static void print_function_type(struct reader *reader)
{
	uint64_t bound = print_binder(reader);

	if (eat(reader, 'U'))
		put(reader, "unsafe ");
	if (eat(reader, 'K'))
		print_abi(reader);
	put(reader, "fn(");
	for (bool first = true; !reader->error && !eat(reader, 'E'); first = false) {
		if (!first)
			put(reader, ", ");
		print_type(reader);
	}
	put(reader, ")");
	if (!eat(reader, 'u')) { /* "-> ()" goes without saying */
		put(reader, " -> ");
		print_type(reader);
	}
	reader->bound_lifetimes -= bound;
}

/* A trait's path whose argument list stays open for associated types. Returns whether it is open.
 */
static bool print_open_path(struct reader *reader)
{
	bool open = false;
	size_t resume;

	if (!enter(reader))
		return false;
	if (eat(reader, 'B')) {
		if (back_begin(reader, &resume)) {
			open = print_open_path(reader);
			reader->at = resume;
		}
	} else if (eat(reader, 'I')) {
		print_path(reader, false);
		put(reader, "<");
		print_generic_arguments(reader);
		open = true;
	} else {
		print_path(reader, false);
	}
	leave(reader);
	return open;
}

static void print_dyn_trait(struct reader *reader)
{
	bool open = print_open_path(reader);

	while (eat(reader, 'p')) {
		struct identifier name;

		put(reader, open ? ", " : "<");
		open = true;
		name = read_undisambiguated(reader);
		put_identifier(reader, &name);
		put(reader, " = ");
		print_type(reader);
	}
	if (open)
		put(reader, ">");
}

static void print_dyn_type(struct reader *reader)
{
	uint64_t bound, lifetime;

	put(reader, "dyn ");
	bound = print_binder(reader);
	for (bool first = true; !reader->error && !eat(reader, 'E'); first = false) {
		if (!first)
			put(reader, " + ");
		print_dyn_trait(reader);
	}
	reader->bound_lifetimes -= bound;
	if (!eat(reader, 'L')) {
		fail(reader);
		return;
	}
	lifetime = read_base62(reader);
	if (lifetime) {
		put(reader, " + ");
		print_lifetime(reader, lifetime);
	}
}

static void print_array(struct reader *reader, bool has_length)
{
	put(reader, "[");
	print_type(reader);
	if (has_length) {
		put(reader, "; ");
		print_const(reader);
	}
	put(reader, "]");
}

static void print_type(struct reader *reader)
{
	const char *basic = basic_type(peek(reader));

	if (!enter(reader))
		return;
	if (basic) {
		reader->at++;
		put(reader, basic);
		leave(reader);
		return;
	}
	switch (next(reader)) {
	case 'A':
		print_array(reader, true);
		break;
	case 'S':
		print_array(reader, false);
		break;
	case 'T':
		print_tuple(reader);
		break;
	case 'R':
		print_reference(reader, "");
		break;
	case 'Q':
		print_reference(reader, "mut ");
		break;
	case 'P':
		put(reader, "*const ");
		print_type(reader);
		break;
	case 'O':
		put(reader, "*mut ");
		print_type(reader);
		break;
	case 'F':
		print_function_type(reader);
		break;
	case 'D':
		print_dyn_type(reader);
		break;
	case 'B':
		print_backref(reader, print_type);
		break;
	default:
		reader->at--;
		print_path(reader, false);
	}
	leave(reader);
}

/* {hex} "_". Returns the digits, and their value where it fits. */
static size_t read_hex(struct reader *reader, const char **ret_digits, uint64_t *ret_value)
{
	size_t length = 0;

	*ret_digits = reader->text + reader->at;
	*ret_value = 0;
	while (!eat(reader, '_')) {
		char c = next(reader);
		bool digit = c >= '0' && c <= '9';

		if (reader->error || (!digit && !(c >= 'a' && c <= 'f'))) {
			fail(reader);
			return 0;
		}
		*ret_value = *ret_value << 4 | (uint64_t)(digit ? c - '0' : c - 'a' + 10);
		length++;
	}
	return length;
}

static void print_const_integer(struct reader *reader, bool is_signed)
{
	const char *digits;
	uint64_t value;
	size_t length;

	if (is_signed && eat(reader, 'n'))
		put(reader, "-");
	length = read_hex(reader, &digits, &value);
	if (length <= 16) {
		put_format(reader, "%" PRIu64, value);
	} else {
		put(reader, "0x");
		put_bytes(reader, digits, length);
	}
}

static void print_const_char(struct reader *reader)
{
	const char *digits;
	uint64_t value;
	size_t length = read_hex(reader, &digits, &value);

	if (length > 8 || value > 0x10ffff)
		fail(reader);
	put(reader, "'");
	/* Control characters and what is not ASCII: by number, as Rust's own escapes have it. */
	if (value >= 0x20 && value < 0x7f)
		put_code_point(reader, (uint32_t)value);
	else
		put_format(reader, "\\u{%" PRIx64 "}", value);
	put(reader, "'");
}

static void print_const_bool(struct reader *reader)
{
	const char *digits;
	uint64_t value;

	read_hex(reader, &digits, &value);
	if (value > 1)
		fail(reader);
	put(reader, value ? "true" : "false");
}

static void print_const(struct reader *reader)
{
	char tag;

	if (!enter(reader))
		return;
	tag = next(reader);
	if (tag == 'p')
		put(reader, "_");
	else if (tag == 'B')
		print_backref(reader, print_const);
	else if (tag == 'b')
		print_const_bool(reader);
	else if (tag == 'c')
		print_const_char(reader);
	else if (tag && strchr("hjmoty", tag))
		print_const_integer(reader, false);
	else if (tag && strchr("ailnsx", tag))
		print_const_integer(reader, true);
	else
		fail(reader);
	leave(reader);
}

int demangle_rust_v0(const char *name, char *ret, size_t size)
{
	struct reader reader = {.out = ret, .size = size};

	if (strncmp(name, "_R", 2) != 0 || size == 0)
		return -EINVAL;
	reader.text = name + 2;
	/* A vendor's suffix begins with a character that no name has. */
	reader.length = strcspn(reader.text, ".$");
	if (peek(&reader) >= '0' && peek(&reader) <= '9')
		return -EINVAL; /* an encoding version: none has been defined */
	print_path(&reader, true);
	/* The crate that caused the instantiation says nothing about the function. */
	if (!reader.error && reader.at < reader.length) {
		reader.silent++;
		print_path(&reader, false);
	}
	if (!reader.error && reader.at < reader.length)
		fail(&reader);
	if (reader.error)
		return reader.error;
	ret[reader.used] = '\0';
	return (int)reader.used;
}
/* NOLINTEND(misc-no-recursion) */
