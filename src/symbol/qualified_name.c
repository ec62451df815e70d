/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qualified_name.c - see qualified_name.h. C++ here, Rust in qualified_name_rust.c.
 *
 * The forms are those of libiberty's demangler, which is what __cxa_demangle of libstdc++ is, and
 * of the names that gcc and clang write into DWARF. A name is read from the left; what turns out to
 * have been a return type is forgotten when the blank behind it comes.
 */
#include "qualified_name.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#define ANONYMOUS "(anonymous namespace)::"

struct scan {
	const char *in;
	char *begin, *out;  /* begin: behind what is kept whatever follows */
	bool in_declarator; /* inside the parentheses of "void (*name(int))(char)" */
};

/* What stands before the name of what is no function by itself. */
static const char *const prefixes[] = {
	"non-virtual thunk to ",
	"virtual thunk to ",
	"covariant return thunk to ",
	"TLS init function for ",
	"TLS wrapper function for ",
	"non-transaction clone for ",
	"transaction clone for ",
	"hidden alias for ",
	"guard variable for ",
	"typeinfo name for ",
	"typeinfo for ",
	"vtable for ",
	"VTT for ",
};

/* Longer ones first. */
static const char *const operators[] = {
	"<=>",
	"<<=",
	">>=",
	"->*",
	"()",
	"[]",
	"->",
	"++",
	"--",
	"<<",
	">>",
	"<=",
	">=",
	"==",
	"!=",
	"&&",
	"||",
	"+=",
	"-=",
	"*=",
	"/=",
	"%=",
	"^=",
	"&=",
	"|=",
	"+",
	"-",
	"*",
	"/",
	"%",
	"^",
	"&",
	"|",
	"~",
	"!",
	"=",
	"<",
	">",
	",",
};

/* Operators that are words. */
static const struct {
	const char *text, *written;
} word_operators[] = {
	{" new[]", " new[]"},
	{" new []", " new[]"},
	{" new", " new"},
	{" delete[]", " delete[]"},
	{" delete []", " delete[]"},
	{" delete", " delete"},
	{" co_await", " co_await"},
	{"\"\" ", "\"\""},
	{"\"\"", "\"\""},
};

/* What may follow the parameters. */
static const char *const qualifiers[] = {
	" const",
	" volatile",
	" restrict",
	" __restrict",
	" noexcept",
	" transaction_safe",
	" &&",
	" &",
};

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_identifier(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

static bool is_word(const char *text, const char *word)
{
	return starts_with(text, word) && !is_identifier(text[strlen(word)]);
}

/* The length of the operator's sign at `text`; 0: it is none. */
static size_t operator_length(const char *text)
{
	for (size_t i = 0; i < sizeof(operators) / sizeof(*operators); i++) {
		if (starts_with(text, operators[i]))
			return strlen(operators[i]);
	}
	return 0;
}

/* Behind the bracket that closes the one at `in`, looking at brackets of this kind alone: among
 * parentheses '<' may be an operator. Null: there is none. */
static const char *behind_group(const char *in, char open, char close)
{
	size_t depth = 0;

	for (; *in; in++) {
		if (*in == open)
			depth++;
		else if (*in == close && --depth == 0)
			return in + 1;
	}
	return NULL;
}

/* Behind what begins with `in` and hides angle brackets that are none; null: it never ends. */
static const char *behind_piece(const char *in, const char *begin)
{
	if (*in == '(')
		return behind_group(in, '(', ')');
	if (*in == '{')
		return behind_group(in, '{', '}');
	if (is_word(in, "operator") && (in == begin || !is_identifier(in[-1])))
		return in + strlen("operator") + operator_length(in + strlen("operator"));
	if (starts_with(in, "->") || starts_with(in, "<="))
		return in + 2;
	return in + 1;
}

/* The demangler sets closing brackets apart ("> >"), and puts operands in parentheses. */
static bool is_shift(const char *in)
{
	return starts_with(in, ">>") && in[-1] == ')' && in[2] == '(';
}

/* Behind the template arguments that begin at `in`; null: they never end. */
static const char *behind_arguments(const char *in)
{
	const char *begin = in;
	size_t depth = 0;

	while (in && *in) {
		if (is_shift(in)) {
			in += 2;
			continue;
		}
		if (*in == '<' && in[1] != '=')
			depth++;
		else if (*in == '>' && --depth == 0)
			return in + 1;
		in = behind_piece(in, begin);
	}
	return NULL;
}

static void put(struct scan *scan, const char *text, size_t length)
{
	memcpy(scan->out, text, length);
	scan->out += length;
}

static bool at_component(const struct scan *scan)
{
	return scan->out == scan->begin || scan->out[-1] == ':' || scan->out[-1] == '~';
}

/* "{lambda(int)#1}", "<lambda(int)>" of DWARF -> "{lambda#1}", "{lambda}". */
static bool read_local(struct scan *scan, char close)
{
	const char *in = scan->in + 1;

	put(scan, "{", 1);
	while (in && *in && *in != close) {
		if (*in == '(') {
			in = behind_group(in, '(', ')');
		} else if (*in == '<') {
			in = behind_arguments(in);
		} else {
			put(scan, in++, 1);
		}
	}
	put(scan, "}", 1);
	scan->in = in && *in ? in + 1 : NULL;
	return scan->in != NULL;
}

/* The length of a parenthesis that says what a pointer points to, "(*)" or "(Foo::*)"; 0: it is
 * none. */
static size_t declarator_length(const char *in)
{
	const char *end = behind_group(in, '(', ')');

	return end && end - in > 2 && (end[-2] == '*' || end[-2] == '&') ? (size_t)(end - in) : 0;
}

/* The type of a conversion, up to its parameters. */
static bool read_conversion(struct scan *scan)
{
	bool after_declarator = false;

	while (*scan->in && *scan->in != ')') {
		size_t length = 1;

		if (*scan->in == '<') {
			scan->in = behind_arguments(scan->in);
			if (!scan->in)
				return false;
			continue;
		}
		if (starts_with(scan->in, ANONYMOUS)) {
			scan->in += strlen(ANONYMOUS);
			continue;
		}
		if (starts_with(scan->in, "[abi:")) {
			scan->in += strcspn(scan->in, "]") + (strchr(scan->in, ']') != NULL);
			continue;
		}
		if (*scan->in == '(' && after_declarator) {
			const char *end = behind_group(scan->in, '(', ')');

			if (!end)
				return false;
			length = (size_t)(end - scan->in);
			after_declarator = false;
		} else if (*scan->in == '(') {
			length = declarator_length(scan->in);
			if (!length)
				return true;
			after_declarator = true;
		}
		put(scan, scan->in, length);
		scan->in += length;
	}
	return true;
}

static bool read_operator(struct scan *scan)
{
	size_t length = strlen("operator");

	put(scan, scan->in, length);
	scan->in += length;
	length = operator_length(scan->in);
	if (length) {
		put(scan, scan->in, length);
		scan->in += length;
		scan->in += scan->in[0] == ' ' && scan->in[1] == '<'; /* "operator< <int>" */
		return true;
	}
	for (size_t i = 0; i < sizeof(word_operators) / sizeof(*word_operators); i++) {
		const char *text = word_operators[i].text;

		if (starts_with(scan->in, text) &&
			(text[0] == '"' || !is_identifier(scan->in[strlen(text)]))) {
			put(scan, word_operators[i].written, strlen(word_operators[i].written));
			scan->in += strlen(text);
			return true;
		}
	}
	return *scan->in == ' ' && read_conversion(scan);
}

static void skip_qualifiers(struct scan *scan)
{
	for (size_t i = 0; i < sizeof(qualifiers) / sizeof(*qualifiers); i++) {
		if (is_word(scan->in, qualifiers[i])) {
			scan->in += strlen(qualifiers[i]);
			i = (size_t)-1;
		}
	}
}

/* Returns whether the name goes on behind the parameters: that of something local to a function,
 * or another one if this was the return type. */
static bool read_parameters(struct scan *scan)
{
	scan->in = behind_group(scan->in, '(', ')');
	if (!scan->in)
		return false;
	skip_qualifiers(scan);
	return true;
}

/* Behind "decltype (…)"; null: it never ends. */
static const char *behind_decltype(const char *in)
{
	in += strlen("decltype");
	in += *in == ' ';
	return *in == '(' ? behind_group(in, '(', ')') : NULL;
}

static bool read_parenthesis(struct scan *scan)
{
	if (at_component(scan) && starts_with(scan->in, ANONYMOUS)) {
		scan->in += strlen(ANONYMOUS);
		return true;
	}
	if (scan->out > scan->begin)
		return read_parameters(scan);
	scan->in_declarator = true;
	scan->in++;
	return true;
}

/* Reads one piece of the name. False: it is not understood. */
static bool read_piece(struct scan *scan)
{
	switch (*scan->in) {
	case ' ':
	case '*':
	case '&': /* it was a type */
		scan->out = scan->begin;
		scan->in++;
		return true;
	case '(':
		return read_parenthesis(scan);
	case '<':
		if (at_component(scan))
			return read_local(scan, '>');
		scan->in = behind_arguments(scan->in);
		return scan->in != NULL;
	case '{':
		return read_local(scan, '}');
	case '[':
		scan->in = behind_group(scan->in, '[', ']');
		return scan->in != NULL;
	case '>':
	case ')':
		return false;
	default:
		break;
	}
	if (at_component(scan) && is_word(scan->in, "operator"))
		return read_operator(scan);
	if (at_component(scan) && is_word(scan->in, "decltype")) {
		scan->in = behind_decltype(scan->in);
		return scan->in != NULL;
	}
	put(scan, scan->in++, 1);
	return true;
}

static bool at_end(const struct scan *scan)
{
	return *scan->in == '\0' || (*scan->in == ')' && scan->in_declarator) ||
	       starts_with(scan->in, " [clone ") || starts_with(scan->in, " requires ");
}

static void read_prefixes(struct scan *scan)
{
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		if (starts_with(scan->in, prefixes[i])) {
			put(scan, prefixes[i], strlen(prefixes[i]));
			scan->in += strlen(prefixes[i]);
			i = (size_t)-1;
		}
	}
	scan->begin = scan->out;
}

bool qualified_name_cxx(const char *text, char *ret)
{
	struct scan scan = {.in = text, .begin = ret, .out = ret};

	read_prefixes(&scan);
	while (!at_end(&scan)) {
		if (!read_piece(&scan))
			return false;
	}
	*scan.out = '\0';
	return scan.out > scan.begin && scan.out[-1] != ':';
}
