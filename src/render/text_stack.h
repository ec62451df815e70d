/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text_stack.h - the stack of a culprit, for a person: innermost first, as in a debugger, and no
 * more of it than is read. The JSON has it all.
 *
 * Left out, and counted, are the frames between the leaf and the culprit's surroundings, and the
 * outer callers. A function that calls itself is one row, as is a run of functions without a name.
 * The culprit always has its row. Paths are shown from the folder on that holds all application
 * files of the stack, and still long ones from one of their inner folders on.
 *
 * Tier C. Data: struct culprit -> stream.
 */
#pragma once

#include "finding.h"
#include "page.h"

void text_stack_write(const struct page *page, const struct culprit *culprit);
