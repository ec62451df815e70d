/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry_name.c - see entry_name.h. Sources: DWARF 5 sections 2.13.2 (DW_AT_specification), 3.3.8
 * (DW_AT_abstract_origin); entries lie in the bytes of the entry that holds them (2.3).
 */
#include "entry_name.h"

#include <dwarf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "demangle.h"
#include "qualified_name.h"

enum {
	REFERENCES_MAX = 8, /* from an entry to the one that declares it */
	SCOPES_MAX = 64,
	NAME_MAX_BYTES = 4096,
};

/* A name that grows to the left, with its end in place. */
struct name {
	char bytes[NAME_MAX_BYTES];
	size_t begin;
	bool of_lambda; /* the next scope is a lambda's class, which has no name */
	Dwarf_Die declared;
};

const char *entry_linkage_name(Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	const char *name;

	if (!dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute) &&
		!dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attribute))
		return NULL;
	name = dwarf_formstring(&attribute);
	return name && name[0] ? name : NULL;
}

static bool is_cxx(Dwarf_Die *die)
{
	Dwarf_Die unit;

	if (!dwarf_diecu(die, &unit, NULL, NULL))
		return false;
	switch (dwarf_srclang(&unit)) {
	case DW_LANG_C_plus_plus:
	case DW_LANG_C_plus_plus_03:
	case DW_LANG_C_plus_plus_11:
	case DW_LANG_C_plus_plus_14:
		return true;
	default:
		return false;
	}
}

/* Goes from an entry to the one that declares it, which is the one that lies in its scopes. Returns
 * whether that is another. */
static bool go_to_declaration(Dwarf_Die *die)
{
	bool moved = false;

	for (int i = 0; i < REFERENCES_MAX; i++) {
		Dwarf_Attribute attribute;
		Dwarf_Die declaration;

		if (!dwarf_attr(die, DW_AT_abstract_origin, &attribute) &&
			!dwarf_attr(die, DW_AT_specification, &attribute))
			break;
		if (!dwarf_formref_die(&attribute, &declaration))
			break;
		*die = declaration;
		moved = true;
	}
	return moved;
}

/*
 * The entries around one, outermost first, its unit left out. Returns their number; 0 as well if
 * there are too many.
 */
static size_t find_scopes(
	Dwarf_Die *die, Dwarf_Die scopes[SCOPES_MAX], unsigned *entries_seen, unsigned entries_max)
{
	Dwarf_Off wanted = dwarf_dieoffset(die);
	Dwarf_Die at, child, sibling;
	size_t count = 0;

	if (!dwarf_diecu(die, &at, NULL, NULL))
		return 0;
	while (dwarf_child(&at, &child) == 0) {
		/* The last one that does not begin behind the wanted one is it, or holds it. */
		while (dwarf_siblingof(&child, &sibling) == 0 &&
			dwarf_dieoffset(&sibling) <= wanted) {
			if (++*entries_seen > entries_max)
				return 0;
			child = sibling;
		}
		if (dwarf_dieoffset(&child) >= wanted)
			return count;
		if (count == SCOPES_MAX)
			return 0;
		scopes[count++] = child;
		at = child;
	}
	return 0;
}

static bool prepend(struct name *name, const char *part)
{
	static const char separator[] = "::";
	size_t length = strlen(part);
	size_t gap = name->bytes[name->begin] ? sizeof(separator) - 1 : 0;

	if (length + gap > name->begin)
		return false;
	name->begin -= gap;
	memcpy(name->bytes + name->begin, separator, gap);
	name->begin -= length;
	memcpy(name->bytes + name->begin, part, length);
	return true;
}

/* An entry's own name, without arguments. */
static bool prepend_own(struct name *name, Dwarf_Die *die)
{
	const char *own = dwarf_diename(die);
	char part[NAME_MAX_BYTES];

	if (name->of_lambda) {
		name->of_lambda = false;
		name->declared = *die;
		return prepend(name, "{lambda}");
	}
	if (!own)
		return prepend(name, "{unnamed type}");
	return strlen(own) < sizeof(part) && qualified_name_cxx(own, part) && prepend(name, part);
}

static bool prepend_linkage(struct name *name, const char *linkage)
{
	char *part = demangle(linkage);
	bool done = part && prepend(name, part);

	free(part);
	return done;
}

static bool is_scope(Dwarf_Die *die)
{
	switch (dwarf_tag(die)) {
	case DW_TAG_namespace:
		return dwarf_diename(die) != NULL; /* an anonymous one is not spoken of */
	case DW_TAG_class_type:
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
	case DW_TAG_enumeration_type:
	case DW_TAG_subprogram:
		return true;
	default:
		return false;
	}
}

/*
 * Puts the scopes of an entry before its name. True: they are all there. False with a `die` that
 * was changed: go on with that one's; else there is no name.
 */
static bool prepend_scopes(
	struct name *name, Dwarf_Die *die, unsigned *entries_seen, unsigned entries_max)
{
	Dwarf_Die scopes[SCOPES_MAX];
	size_t count = find_scopes(die, scopes, entries_seen, entries_max);

	while (count-- > 0) {
		Dwarf_Die *scope = scopes + count;
		const char *linkage = NULL;

		if (!is_scope(scope))
			continue;
		if (dwarf_tag(scope) == DW_TAG_subprogram)
			linkage = entry_linkage_name(scope);
		if (linkage)
			return prepend_linkage(name, linkage);
		if (!prepend_own(name, scope))
			return false;
		if (go_to_declaration(scope)) {
			*die = *scope;
			return false;
		}
	}
	return true;
}

/* Nobody has written this function: the compiler made it of a lambda (gcc). */
static bool is_call_of_lambda(Dwarf_Die *die)
{
	return dwarf_hasattr(die, DW_AT_artificial) &&
	       strncmp(dwarf_diename(die), "operator()", strlen("operator()")) == 0;
}

char *entry_scoped_name(
	Dwarf_Die *die, Dwarf_Die *ret_declared, unsigned *entries_seen, unsigned entries_max)
{
	struct name name = {.begin = NAME_MAX_BYTES - 1, .declared = *die};
	Dwarf_Die at = *die;

	name.bytes[name.begin] = '\0';
	go_to_declaration(&at);
	if (!is_cxx(&at) || !dwarf_diename(&at) || !prepend_own(&name, &at))
		return NULL;
	name.of_lambda = is_call_of_lambda(&at);
	for (int i = 0; i < REFERENCES_MAX; i++) {
		Dwarf_Off before = dwarf_dieoffset(&at);

		if (prepend_scopes(&name, &at, entries_seen, entries_max)) {
			*ret_declared = name.declared;
			return strdup(name.bytes + name.begin);
		}
		if (dwarf_dieoffset(&at) == before)
			break;
	}
	return NULL;
}
