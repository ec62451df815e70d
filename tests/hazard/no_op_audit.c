/* SPDX-License-Identifier: Apache-2.0 */
/*
 * no_op_audit.c - an LD_AUDIT library that only is there. Under one, the loader lays out static
 * thread-local storage before it loads preloaded libraries, so that these live on its reserve
 * (hazard 5).
 */
#include <link.h>

unsigned int la_version(unsigned int version)
{
	return version;
}
