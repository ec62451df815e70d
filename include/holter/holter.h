/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holter.h - optional annotations for what Holter cannot recognise from outside: an event loop that
 * waits by other means than epoll, poll and select (a condition variable, a blocking read,
 * io_uring), and a connection pool of the program's own.
 *
 * Nothing is linked. A program that includes this header finds Holter's library at run time if it
 * was preloaded (`holter run`); otherwise every function here does nothing, at the cost of a load
 * and a branch, and holter_pool_new returns null. For C99 and C++, by gcc or clang; on anything
 * but x86-64 Linux the functions do nothing.
 *
 * All of them may be called from any thread, and none from a signal handler. They keep errno, never
 * block, and take no lock. Where Holter is at work, each costs a clock reading and a few atomic
 * operations; the first one of a thread or of a process may start the recording, which takes a
 * fraction of a millisecond. After a fork the child's loops and pools are new ones to Holter: what
 * was held or waited for then is no longer counted.
 */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A pool as Holter counts it. It belongs to the library, and is never looked into. */
struct holter_pool;

/*
 * The library's side, for the functions below. A name's meaning never changes: what would have to
 * change gets a name with a higher number.
 */
void holter_loop_wait_begin_v1(void);
void holter_loop_wait_end_v1(void);
struct holter_pool *holter_pool_new_v1(const char *name, uint32_t size);
void holter_pool_resize_v1(struct holter_pool *pool, uint32_t size);
void holter_pool_free_v1(struct holter_pool *pool);
uint64_t holter_pool_wait_begin_v1(struct holter_pool *pool);
void holter_pool_wait_end_v1(struct holter_pool *pool, uint64_t begin);
void holter_pool_acquired_v1(struct holter_pool *pool, const void *connection);
void holter_pool_released_v1(struct holter_pool *pool, const void *connection);

/*
 * Declares `call`, a pointer to one of those, null where there is no library.
 *
 * The reference is weak, so that a program links and starts without the library. (dlsym would need
 * libdl on older systems, take the loader's lock in the middle of a request, and have its answer
 * kept somewhere.) It goes through the global offset table by hand, because compilers and linkers
 * settle a weak reference for good when they make an executable that is not position-independent:
 * a library that is preloaded would not be found there.
 */
#if defined(__x86_64__) && defined(__linux__) && !defined(__ILP32__)
#define HOLTER_FIND_CALL(name)                                                                     \
	__typeof__(&(name)) call;                                                                  \
	__asm__(".weak " #name "\n\t"                                                              \
		"mov {" #name "@GOTPCREL(%%rip), %0|%0, qword ptr " #name "@GOTPCREL[rip]}"        \
		: "=r"(call))
#else
#define HOLTER_FIND_CALL(name) __typeof__(&(name)) call = 0
#endif

/*
 * A loop, in the thread that runs it:
 *
 *     for (;;) {
 *         holter_loop_wait_begin();
 *         job = queue_pop(queue);          // blocks until there is work
 *         holter_loop_wait_end();
 *         work_on(job);                    // a turn: a stall if it takes longer than the threshold
 *     }
 *
 * A thread that has called holter_loop_wait_begin once is a loop, and has no start-up: all its
 * turns count. Its epoll_wait, poll and select are then parts of the annotated wait, or blocking
 * calls inside a turn.
 */

/* The turn ends: the thread is about to wait, or to leave its loop. */
static inline void holter_loop_wait_begin(void)
{
	HOLTER_FIND_CALL(holter_loop_wait_begin_v1);

	if (call)
		call();
}

/* The wait has returned: a turn begins. Ignored where no wait has begun. */
static inline void holter_loop_wait_end(void)
{
	HOLTER_FIND_CALL(holter_loop_wait_end_v1);

	if (call)
		call();
}

/*
 * A pool:
 *
 *     pool->holter = holter_pool_new("orders", 8);
 *
 *     if (!(connection = idle_connection(pool))) {
 *         uint64_t begin = holter_pool_wait_begin(pool->holter);
 *         connection = wait_for_connection(pool, timeout);
 *         holter_pool_wait_end(pool->holter, begin);
 *     }
 *     if (connection)
 *         holter_pool_acquired(pool->holter, connection);
 *
 *     holter_pool_released(pool->holter, connection);
 *     give_back(pool, connection);
 *
 * A pool's figures are recorded once a second where a loop of the process is, and in a process that
 * listens, from its first acquisition on.
 */

/*
 * Makes a pool known. name: shown to people, UTF-8; copied, up to 63 bytes. size: how many
 * connections it may have at once; 0: no limit. Returns null without the library, or when there
 * are 32 pools already (which the recording says); all functions accept that null.
 */
static inline struct holter_pool *holter_pool_new(const char *name, uint32_t size)
{
	HOLTER_FIND_CALL(holter_pool_new_v1);

	return call ? call(name, size) : 0;
}

/* The pool may have another number of connections from now on. */
static inline void holter_pool_resize(struct holter_pool *pool, uint32_t size)
{
	HOLTER_FIND_CALL(holter_pool_resize_v1);

	if (pool && call)
		call(pool, size);
}

/* Takes the pool back: it is no longer counted, and must not be used any more. */
static inline void holter_pool_free(struct holter_pool *pool)
{
	HOLTER_FIND_CALL(holter_pool_free_v1);

	if (pool && call)
		call(pool);
}

/*
 * A request begins to wait for a connection, as none is free. Returns what holter_pool_wait_end
 * wants back, in this thread or in another; 0 without the library.
 */
static inline uint64_t holter_pool_wait_begin(struct holter_pool *pool)
{
	HOLTER_FIND_CALL(holter_pool_wait_begin_v1);

	return pool && call ? call(pool) : 0;
}

/* The request waits no more: it has got a connection, or has given up. */
static inline void holter_pool_wait_end(struct holter_pool *pool, uint64_t begin)
{
	HOLTER_FIND_CALL(holter_pool_wait_end_v1);

	if (pool && call)
		call(pool, begin);
}

/*
 * A request holds this connection from now on; to be called before anybody can release it.
 * connection: whatever tells it from the pool's others. It is compared, never followed. Of more
 * than 256 connections held at once the others are counted, but not timed.
 */
static inline void holter_pool_acquired(struct holter_pool *pool, const void *connection)
{
	HOLTER_FIND_CALL(holter_pool_acquired_v1);

	if (pool && call)
		call(pool, connection);
}

/* The connection is given back, or closed while it is held. Ignored if it is not held. */
static inline void holter_pool_released(struct holter_pool *pool, const void *connection)
{
	HOLTER_FIND_CALL(holter_pool_released_v1);

	if (pool && call)
		call(pool, connection);
}

#undef HOLTER_FIND_CALL

#ifdef __cplusplus
}
#endif
