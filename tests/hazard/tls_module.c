/* SPDX-License-Identifier: Apache-2.0 */
/* tls_module.c - a library with a thread-local variable; the test loads many copies of it (hazard
 * 4). */
int *tls_slot(void);

int *tls_slot(void)
{
	static __thread int slot __attribute__((tls_model("global-dynamic")));

	return &slot;
}
