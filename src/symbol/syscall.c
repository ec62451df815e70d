/* SPDX-License-Identifier: Apache-2.0 */
/* syscall.c - the names of the x86-64 system calls; the table is made at build time
 * (syscall_table.sh). Tier C. */
#include <stddef.h>

#include "symbol.h"

static const char *const names[] = {
#include "syscall_table.h"
};

const char *symbol_syscall(int number)
{
	if (number < 0 || (size_t)number >= sizeof(names) / sizeof(*names))
		return NULL;
	return names[number];
}
