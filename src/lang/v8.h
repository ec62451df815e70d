/* SPDX-License-Identifier: Apache-2.0 */
/*
 * v8.h - the state of V8 as a language (lang_ops), shared by the files that walk its frames and
 * name them. Tier B.
 */
#pragma once

#include "lang.h"
#include "v8_code.h"
#include "v8_heap.h"
#include "v8_image.h"
#include "v8_name.h"
#include "v8_script.h"

struct v8 {
	struct lang_target target;
	struct v8_image image;
	struct v8_heap heap;
	struct v8_codes codes;
	struct v8_names *names;
	struct v8_scripts *scripts;
	bool captures; /* the target is this process, and capture_sig works in it */
	char files[LANG_INLINE_MAX][V8_SCRIPT_FILE_BYTES]; /* of the frames named last */
};
