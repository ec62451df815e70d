/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glibc.h - included before everything that the preload library is made of: binds functions that
 * glibc 2.34 moved into libc.so under a new version to their old one, which every glibc since 2.2.5
 * has, so that the library loads in older systems (hazard 26).
 */
#pragma once

#define BIND(name, version) __asm__(".symver " #name "," #name "@" version)

BIND(dlsym, "GLIBC_2.2.5");
BIND(dlopen, "GLIBC_2.2.5");
BIND(pthread_create, "GLIBC_2.2.5");
BIND(pthread_sigmask, "GLIBC_2.2.5");
BIND(pthread_attr_setstacksize, "GLIBC_2.2.5");
