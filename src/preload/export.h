/* SPDX-License-Identifier: Apache-2.0 */
/* export.h - marks what the preload library shows to the server: the hooks, and what annotations
 * call; nothing else. */
#pragma once

#define EXPORT __attribute__((visibility("default")))
