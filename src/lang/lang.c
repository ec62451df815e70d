/* SPDX-License-Identifier: Apache-2.0 */
#include "lang.h"

#include <errno.h>

/* A new language is one file and one word here. */
static const struct lang_ops *const languages[] = {&lang_v8, &lang_cpython};

int lang_open(struct lang *ret, const struct lang_target *target, const char **ret_reason)
{
	int result = -ENOENT;

	for (size_t i = 0; i < sizeof(languages) / sizeof(languages[0]); i++) {
		struct lang lang = {.ops = languages[i]};
		int error = lang.ops->open(&lang.state, target, ret_reason);

		if (!error) {
			*ret = lang;
			return 0;
		}
		if (error != -ENOENT)
			result = error;
	}
	return result;
}

struct unwind_runtime lang_unwind_runtime(const struct lang *lang)
{
	return (struct unwind_runtime){
		.context = lang->state,
		.owns = lang->ops->owns,
		.step = lang->ops->step,
		.resync = lang->ops->resync,
	};
}
