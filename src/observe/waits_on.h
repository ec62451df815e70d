/* SPDX-License-Identifier: Apache-2.0 */
/*
 * waits_on.h - what a thread that sleeps in a system call waits for: the file or the peer of a
 * descriptor, the holder of a mutex. By what /proc says; nothing is opened or duplicated that is
 * the server's. Tier B; one thread at a time.
 */
#pragma once

#include <stddef.h>

#include "asleep.h"

enum { WAITS_ON_MAX = 256 };

/*
 * Writes "/path", "pipe", "tcp 127.0.0.1:5432", "socket", "mutex held by thread 12 (name)".
 * Returns the length; 0 where nothing is known.
 */
size_t waits_on(pid_t pid, const struct asleep *asleep, char *text, size_t size);
