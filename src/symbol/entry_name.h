/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry_name.h - what a function is called by its debugging entry. Most have the name that a linker
 * sees. In C++, what nobody links to (anonymous namespaces, lambdas, local classes) has only its
 * last part, and the entries around it say the rest.
 *
 * Tier C. Data: libdw -> text.
 */
#pragma once

#include <elfutils/libdw.h>

/* The name for the linker, mangled; null: none. Valid as long as the entry's file is open. */
const char *entry_linkage_name(Dwarf_Die *die);
/*
 * The qualified name (qualified_name.h) of a C++ function without a linkage name, to be freed by
 * the caller; null: it is not C++, has no name at all, or there is no memory. `ret_declared` is the
 * entry that says where the function is declared: it itself, or the class of a lambda. Adds the
 * entries that it went over to `entries_seen`, and gives up where those are `entries_max`.
 */
char *entry_scoped_name(
	Dwarf_Die *die, Dwarf_Die *ret_declared, unsigned *entries_seen, unsigned entries_max);
