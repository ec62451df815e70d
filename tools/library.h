/* SPDX-License-Identifier: Apache-2.0 */
/*
 * library.h - where libholter.so lies: beside this program as it is installed, or as it is built.
 *
 * Tier C. Data: the program's own path -> a path.
 */
#pragma once

/* The absolute path of the preload library, or null if it is not there. Static. */
const char *library_path(void);
