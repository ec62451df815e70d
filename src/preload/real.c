/* SPDX-License-Identifier: Apache-2.0 */
#include "real.h"

#include <dlfcn.h>

struct real real;

void real_resolve(void)
{
#define RESOLVE(name) real.name = dlsym(RTLD_NEXT, #name);
	REAL_FUNCTIONS(RESOLVE)
#undef RESOLVE
}
