/* SPDX-License-Identifier: Apache-2.0 */
/*
 * origin.h - whether a native function came from a language's library, although it lies in the
 * application's own file: templates, inlined functions and what is linked statically do.
 *
 * Not here: files that hold nothing but a library's code (classify.c).
 *
 * Tier C. Data: a named function and its recording -> yes or no.
 */
#pragma once

#include <stdbool.h>

#include "recording.h"

/*
 * By the source file where debug information names one: a system's headers, and the compilers' own
 * sources. Else by the scopes that the languages keep for their implementations (C++ standard,
 * [namespace.std] and [lex.name]; the crates of Rust's standard library).
 */
bool origin_is_library(const struct function *function, struct recording *recording);
