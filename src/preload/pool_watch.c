/* SPDX-License-Identifier: Apache-2.0 */
/* pool_watch.c - see pool_watch.h. Tier B. */
#include "pool_watch.h"

#include <stddef.h>
#include <string.h>

#include "pools.h"

/* Of each entry of pools[], and of the counts, what was written last. */
static struct {
	struct record_pool_state states[POOLS_MAX];
	uint64_t lost, lost_holds;
} written;

static bool has_changed(const struct record_pool_state *now, const struct record_pool_state *before)
{
	return now->pool != before->pool || now->size != before->size ||
	       now->held != before->held || now->waiting != before->waiting ||
	       now->acquisitions != before->acquisitions || now->waits != before->waits;
}

static void write_pool(struct writer *writer, struct holter_pool *pool, size_t index,
	uint64_t now_ns, bool lasting)
{
	const struct record_pool record = {
		.id = pool->id, .name = pool->name, .begin_ns = pool->begin_ns};
	struct record_pool_state now;

	pools_look(pool, now_ns, &now);
	if (!has_changed(&now, &written.states[index]) && !(lasting && (now.held || now.waiting)))
		return;
	writer_pool_state(writer, &record, &now);
	written.states[index] = now;
}

static void write_lost(struct writer *writer, enum loss_kind kind, uint64_t lost, uint64_t *before)
{
	writer_lost(writer, kind, lost - *before, 0);
	*before = lost;
}

void pool_watch_write(struct writer *writer, uint64_t now_ns, bool lasting)
{
	for (size_t i = 0; i < POOLS_MAX; i++) {
		uint32_t state = atomic_load_explicit(&pools[i].state, memory_order_acquire);

		if (state != POOL_LIVE && state != POOL_CLOSED)
			continue;
		write_pool(writer, &pools[i], i, now_ns, lasting);
		if (state == POOL_CLOSED)
			atomic_store_explicit(&pools[i].state, POOL_FREE, memory_order_release);
	}
	write_lost(writer, LOSS_POOL, pools_lost(), &written.lost);
	write_lost(writer, LOSS_HOLD, pools_lost_holds(), &written.lost_holds);
}

void pool_watch_forget(void)
{
	memset(&written, 0, sizeof(written));
}
