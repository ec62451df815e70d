/* SPDX-License-Identifier: Apache-2.0 */
/* tracefs.h - the numbers of the kernel's tracepoints. Tier C. */
#pragma once

/* The folder where tracefs is mounted, or null and errno: ENOENT if there is none, EACCES if it may
 * not be looked into. */
const char *tracefs_place(void);
/*
 * Opens the root folder of tracefs, wherever it is mounted; where it is not, on a mount that no
 * path leads to and that ends with the descriptor. Returns the descriptor or a negative errno.
 */
int tracefs_open(void);
/* The number of an event ("syscalls/sys_enter_poll"). Returns it, or a negative errno. */
int tracefs_event(int tracefs, const char *event);
