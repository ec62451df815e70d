/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text_observed.h - what was observed, and what was not, for a person: the process, its loops, and
 * what the recording cannot say.
 *
 * Many threads of one name are a few lines: those with the longest turns, and one for all others.
 *
 * Tier C. Data: struct diagnosis -> stream.
 */
#pragma once

#include "finding.h"
#include "page.h"

void text_observed_write(const struct page *page, const struct diagnosis *diagnosis);
/* "main thread node (tid 42)" */
void text_observed_loop(const struct page *page, const struct loop *loop);
