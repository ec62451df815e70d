/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qualified_name.h - the name by which a person speaks of a function, from a demangled one:
 * `shop::Ledger::amount` of `long shop::Ledger::amount<int>(std::vector<int> const&) const`. Return
 * type, parameters, qualifiers and generic arguments go; so do anonymous namespaces and ABI tags.
 * What is left is the same for a symbol and for the name that DWARF gives to an inlined copy.
 *
 * Overloads and instances of a template thereby have one name; their declarations tell them apart.
 *
 * Tier C. Data: text -> text, never longer. The text is hostile: one pass, no recursion.
 */
#pragma once

#include <stdbool.h>

/*
 * Writes the name of a C++ function (as __cxa_demangle or DW_AT_name has it) into `ret`, which has
 * room for `text`. False: it is not understood, and `ret` is undefined.
 */
bool qualified_name_cxx(const char *text, char *ret);
/* The same of a Rust function: `<demo::Conn as core::fmt::Debug>::fmt`, `demo::Conn::poll`. */
bool qualified_name_rust(const char *text, char *ret);
