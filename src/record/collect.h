/* SPDX-License-Identifier: Apache-2.0 */
/*
 * collect.h - what the blocks of a recording declare and tell, gathered by id and unresolved,
 * because an id's declaration may come from another chunk than its use once blocks are missing.
 * Nothing that a block says is trusted: numbers are brought into range here, counts are bounded by
 * the pool's budget.
 * Data: unpacked blocks (recording.c) -> struct collector -> resolve.c. Tier C.
 */
#pragma once

#include "event.h"
#include "holter.pb-c.h"
#include "pool.h"
#include "recording.h"

struct declared_mapping {
	struct mapping *mapping;
	uint32_t path; /* string id */
};

struct declared_function {
	struct function *function;
	uint32_t name, file; /* string ids */
};

struct declared_location {
	enum frame_kind kind;
	enum frame_doubt doubt;
	uint64_t address;
	uint32_t mapping, function, line, column;
};

struct declared_stack {
	struct stack *stack;
	const uint32_t *locations; /* ids; stack->count of them */
};

struct declared_loop {
	struct loop *loop;
	uint32_t thread; /* string id */
};

struct declared_pool {
	struct connection_pool *pool;
	uint32_t name; /* string id */
};

struct collected_note {
	enum note_kind kind;
	uint32_t text; /* string id */
	uint64_t time_ns;
};

/* One kind of thing with an id: its items, and where each id is among them. */
struct collection {
	struct vector items;
	struct idmap by_id;
};

struct collector {
	struct pool *pool;
	bool has_head, ended;
	struct record_head head;     /* of the latest chunk */
	struct collection strings;   /* const char * */
	struct collection mappings;  /* struct declared_mapping */
	struct collection functions; /* struct declared_function */
	struct collection locations; /* struct declared_location */
	struct collection stacks;    /* struct declared_stack */
	struct collection loops;     /* struct declared_loop */
	struct collection stalls;    /* struct stall: the valid one of each id */
	struct vector turns;         /* struct turns */
	struct vector samples;       /* struct sample */
	struct collection pools;     /* struct declared_pool */
	struct vector pool_states;   /* struct record_pool_state */
	struct vector notes;         /* struct collected_note */
	struct vector named;         /* uint32_t: stack ids */
	struct vector resting;       /* uint32_t: stack ids */
	uint64_t first_ns, last_ns;  /* of events; first_ns is UINT64_MAX before any */
	uint64_t lost[LOSS_KINDS];
};

void collector_init(struct collector *collector, struct pool *pool);
/* Takes over what a block says; the block may go afterwards. Returns 0 or -ENOMEM (the budget). */
int collect_block(struct collector *collector, const Holter__Record__Block *block);
/* The item of an id, or null. */
void *collection_find(const struct collection *collection, uint64_t id);
