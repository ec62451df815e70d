/* SPDX-License-Identifier: Apache-2.0 */
/*
 * annotations.c - the library's side of include/holter/holter.h, where each call is explained.
 *
 * An annotated loop is one like any other, and starts the recording at its first wait. An annotated
 * pool alone starts none, except in a process that listens: a server may have threads and no loop.
 * Who stands aside does not even read the clock: a program that forbids itself system calls in
 * strict mode dies of reading the time-stamp counter (kernel/seccomp.c, disable_TSC).
 * Tier A, apart from the first calls of a thread or process.
 */
#include <stddef.h>

#include "clock.h"
#include "export.h"
#include "holter/holter.h"
#include "life.h"
#include "loop.h"
#include "pools.h"

EXPORT void holter_loop_wait_begin_v1(void)
{
	if (life_may_record())
		loop_enter(LOOP_ANNOTATED, WAIT_ANNOTATED);
}

EXPORT void holter_loop_wait_end_v1(void)
{
	struct loop *loop = thread.loop;

	/* Without a wait before it there is nothing that could end. */
	if (life_may_record() && loop &&
		atomic_load_explicit(&loop->descriptor, memory_order_relaxed) == LOOP_ANNOTATED &&
		!atomic_load_explicit(&loop->turn_begin_ns, memory_order_relaxed))
		loop_leave(loop, 0);
}

EXPORT struct holter_pool *holter_pool_new_v1(const char *name, uint32_t size)
{
	/* Where another library's constructor makes the pool, Holter has not begun: the program
	 * gets its pool all the same. */
	return pools_new(name, size, life_may_record() ? clock_now_ns() : 0);
}

EXPORT void holter_pool_resize_v1(struct holter_pool *pool, uint32_t size)
{
	pools_resize(pool, size);
}

EXPORT void holter_pool_free_v1(struct holter_pool *pool)
{
	pools_free(pool, life_may_record() && !life_is_inert());
}

EXPORT uint64_t holter_pool_wait_begin_v1(struct holter_pool *pool)
{
	return life_may_record() ? pools_wait_begin(pool) : 0;
}

EXPORT void holter_pool_wait_end_v1(struct holter_pool *pool, uint64_t begin)
{
	if (life_may_record())
		pools_wait_end(pool, begin);
}

EXPORT void holter_pool_acquired_v1(struct holter_pool *pool, const void *connection)
{
	if (!life_may_record())
		return;
	pools_acquired(pool, (uint64_t)(uintptr_t)connection);
	if (life_is_inert() && life_server_since_ns())
		life_activate();
}

EXPORT void holter_pool_released_v1(struct holter_pool *pool, const void *connection)
{
	if (life_may_record())
		pools_released(pool, (uint64_t)(uintptr_t)connection);
}
