/* SPDX-License-Identifier: Apache-2.0 */
/* script.c - see script.h. Tier C. */
#include "script.h"

#include <stdio.h>
#include <string.h>

/* What stands before the script on an interpreter's command line. */
struct interpreter {
	const char *program;          /* its name begins so */
	const char *code;             /* letters of options that code follows: there is no script */
	const char *value;            /* letters of options that a value belongs to */
	const char *module;           /* letters of options that a module's name follows */
	const char *const *long_code; /* the same in long, each ended by null */
	const char *const *long_value; /* but for --NAME=VALUE, which is one word */
};

static const char *const none[] = {NULL};
static const char *const node_code[] = {"--eval", "--print", NULL};
static const char *const node_value[] = {"--conditions", "--diagnostic-dir", "--env-file",
	"--env-file-if-exists", "--experimental-loader", "--icu-data-dir", "--import",
	"--input-type", "--inspect-port", "--loader", "--openssl-config", "--redirect-warnings",
	"--require", "--title", "--unhandled-rejections", NULL};
static const char *const python_value[] = {"--check-hash-based-pycs", NULL};

static const struct interpreter interpreters[] = {
	{"node", "ep", "rC", "", node_code, node_value},
	{"python", "c", "WX", "m", none, python_value},
	{"pypy", "c", "WX", "m", none, python_value},
};

/* What is to be done with the words that follow an option. */
enum next { NEXT_OPTION, NEXT_VALUE, NEXT_MODULE, NEXT_NOTHING };

static const struct interpreter *find_interpreter(const char *program)
{
	for (size_t i = 0; i < sizeof(interpreters) / sizeof(interpreters[0]); i++) {
		const char *name = interpreters[i].program;

		if (strncmp(program, name, strlen(name)) == 0)
			return interpreters + i;
	}
	return NULL;
}

static bool is_among(const char *word, const char *const *list)
{
	while (*list && strcmp(*list, word) != 0)
		list++;
	return *list != NULL;
}

static enum next parse_option(const struct interpreter *interpreter, const char *word)
{
	if (strncmp(word, "--", 2) == 0) {
		if (is_among(word, interpreter->long_code))
			return NEXT_NOTHING;
		return is_among(word, interpreter->long_value) ? NEXT_VALUE : NEXT_OPTION;
	}
	/* Letters may stand together; a value may follow its letter at once. */
	for (const char *letter = word + 1; *letter; letter++) {
		if (strchr(interpreter->code, *letter))
			return NEXT_NOTHING;
		if (strchr(interpreter->value, *letter))
			return letter[1] ? NEXT_OPTION : NEXT_VALUE;
		if (strchr(interpreter->module, *letter))
			return letter[1] ? NEXT_NOTHING : NEXT_MODULE;
	}
	return word[1] ? NEXT_OPTION : NEXT_NOTHING; /* "-": the script comes from a pipe */
}

/* Whether a word looks like a file's or module's name; code and secrets seldom do. */
static bool take_name(const char *word, char ret[static SCRIPT_NAME_MAX])
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789._@+-";
	const char *slash = strrchr(word, '/');
	const char *name = slash ? slash + 1 : word;
	size_t length = strlen(name);

	if (!length || length >= SCRIPT_NAME_MAX || strspn(name, allowed) != length)
		return false;
	snprintf(ret, SCRIPT_NAME_MAX, "%s", name);
	return true;
}

bool script_name(
	const char *program, const char *arguments, size_t length, char ret[static SCRIPT_NAME_MAX])
{
	const struct interpreter *interpreter = find_interpreter(program);
	const char *end = arguments + length, *word = arguments, *after;
	enum next next = NEXT_OPTION;
	bool options = true;

	ret[0] = '\0';
	if (!interpreter)
		return false;
	/* The last word may have been cut: only what ends with a NUL counts. */
	after = memchr(word, '\0', length);
	while (after && ++after < end) {
		word = after;
		after = memchr(word, '\0', (size_t)(end - word));
		if (!after)
			return false;
		if (next == NEXT_VALUE) {
			next = NEXT_OPTION;
			continue;
		}
		if (next == NEXT_MODULE || !options || word[0] != '-')
			return take_name(word, ret);
		if (strcmp(word, "--") == 0)
			options = false;
		else
			next = parse_option(interpreter, word);
		if (next == NEXT_NOTHING)
			return false;
	}
	return false;
}
