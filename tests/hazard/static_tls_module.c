/* SPDX-License-Identifier: Apache-2.0 */
/*
 * static_tls_module.c - a library that demands TLS_BYTES of static thread-local storage, as
 * allocators and tracers do. When it is loaded late it takes them from the loader's small reserve
 * (hazard 5).
 */
char *static_tls(void);

char *static_tls(void)
{
	static __thread char bytes[TLS_BYTES] __attribute__((tls_model("initial-exec")));

	return bytes;
}
