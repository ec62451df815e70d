/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * polled.h - the descriptors that a poll or select waits on, by which the loop's own wait is told
 * from one inside a turn. The rules are those of src/base/wait_set.h and src/preload/polled.h,
 * where the reasons are.
 *
 * Data: the call's arguments, the thread's memory and open files -> struct wait_set. To be included
 * by programs alone, after task.h.
 */
#pragma once

#include <linux/types.h>

#include <bpf/bpf_helpers.h>

#include <bpf/bpf_core_read.h>

#include "kernel.h"
#include "task.h"

enum {
	LIST_MAX = 8,
	SET_MAX = 4,
	SET_WORDS = 16,
	SET_LISTENS = SET_MAX + 1,
	IS_SOCKET = 0140000, /* S_IFSOCK */
	FILE_KIND = 0170000, /* S_IFMT */
	LISTENS = 10,        /* TCP_LISTEN, which sockets of other families that listen have too */
};

/*
 * Both are always in a map, and worked on without branches: of what is on the stack, and of what a
 * branch has shown, the verifier follows every combination. Unused places are negative, and lie
 * behind the others in a set, but anywhere in a list.
 */
struct wait_list {
	__s32 descriptors[LIST_MAX];
};

struct wait_set {
	__s32 descriptors[SET_MAX];
	__u32 count;
};

struct poll_entry {
	__s32 descriptor;
	__u16 events, returned;
};

/* What is copied from the process. In a map as well, since a stack has little room. */
union polled {
	struct poll_entry entries[LIST_MAX];
	struct {
		__u64 all[SET_WORDS], one[SET_WORDS];
	} words;
};

static __always_inline __u32 is_zero(__u64 word)
{
	__u64 sign = word | -word;

	barrier_var(sign); /* from the compiler, which would make a branch of it */
	return 1 - (sign >> 63);
}

/* Both are small. */
static __always_inline __u32 is_less(__u64 a, __u64 b)
{
	__u64 difference = a - b;

	barrier_var(difference);
	return difference >> 63;
}

static __always_inline __u32 is_descriptor(__s32 descriptor)
{
	return ~(__u32)descriptor >> 31;
}

static __always_inline __u32 has(const __s32 *descriptors, int count, __s32 descriptor)
{
	__u32 found = 0;

#pragma nounroll
	for (int i = 0; i < count; i++)
		found |= is_zero((__u32)(descriptors[i] ^ descriptor));
	return found & is_descriptor(descriptor);
}

/* Returns 0, or -1 if the memory cannot be read: the call is about to fail, too. */
static __always_inline int list_of_entries(
	struct wait_list *list, union polled *copy, __u64 address, __u64 count)
{
	__builtin_memset(copy->entries, 0xff, sizeof(copy->entries));
	if (count > LIST_MAX)
		count = LIST_MAX;
	if (bpf_probe_read_user(copy->entries, count * sizeof(copy->entries[0]), (void *)address))
		return -1;
	for (int i = 0; i < LIST_MAX; i++)
		list->descriptors[i] = copy->entries[i].descriptor;
	return 0;
}

/* Where the lowest bit that is set stands in a word that is not 0. There is no instruction. */
static __always_inline __u32 lowest_bit(__u64 word)
{
	__u32 place = 0;

#pragma unroll
	for (int bits = 5; bits >= 0; bits--) {
		__u32 none = is_zero(word & ((1ull << (1 << bits)) - 1));

		word >>= none << bits;
		place += none << bits;
	}
	return place;
}

/* The same of select's three sets. */
static __always_inline int list_of_sets(
	struct wait_list *list, union polled *copy, __u32 limit, const __u64 addresses[3])
{
	__u64 *all = copy->words.all, *one = copy->words.one;
	__u32 bytes, at = 0;

	__builtin_memset(copy, 0, sizeof(*copy));
	if ((__s32)limit < 0)
		return -1;
	if (limit > SET_WORDS * 64)
		limit = SET_WORDS * 64;
	bytes = (limit + 63) / 64 * sizeof(*one);
#pragma nounroll
	for (int i = 0; i < 3; i++) {
		if (addresses[i] && bpf_probe_read_user(one, bytes, (void *)addresses[i]))
			return -1;
#pragma nounroll
		for (int word = 0; word < SET_WORDS; word++)
			all[word] |= one[word];
		__builtin_memset(one, 0, sizeof(copy->words.one));
	}
	/* A step takes a descriptor, or goes on to the next word. */
	__builtin_memset(list, 0xff, sizeof(*list));
	for (int i = 0; i < LIST_MAX + SET_WORDS; i++) {
		__u64 word = all[at & (SET_WORDS - 1)];
		__u32 is_empty = is_zero(word), bit = 64 * at + lowest_bit(word), place = i - at;

		if (place >= LIST_MAX)
			break;
		list->descriptors[place] = bit | -(is_empty | (1 - is_less(bit, limit)));
		all[at & (SET_WORDS - 1)] = word & (word - 1);
		at += is_empty;
	}
	return 0;
}

static __always_inline int set_is_same(const struct wait_set *set, const struct wait_list *list)
{
	__u32 shared = 0, oldest = has(list->descriptors, LIST_MAX, set->descriptors[0]);

	for (int i = 0; i < SET_MAX; i++)
		shared += has(list->descriptors, LIST_MAX, set->descriptors[i]);
	return set->count && (oldest || 2 * shared > set->count);
}

/* Puts a descriptor at a place, if that is one of the set's. */
static __always_inline void set_put(struct wait_set *set, __u32 place, __s32 descriptor)
{
	for (int i = 0; i < SET_MAX; i++) {
		__s32 here = -(__s32)is_zero(i ^ place);

		set->descriptors[i] = (set->descriptors[i] & ~here) | (descriptor & here);
	}
}

static __always_inline void set_renew(struct wait_set *set, const struct wait_list *list)
{
	__u32 count = 0;

	for (int i = 0; i < SET_MAX; i++) {
		__s32 descriptor = set->descriptors[i];

		set_put(set, count, descriptor);
		count += has(list->descriptors, LIST_MAX, descriptor);
	}
	for (int i = 0; i < SET_MAX; i++)
		set->descriptors[i] |= -(__s32)(1 - is_less(i, count));
	for (int i = 0; i < LIST_MAX; i++) {
		__s32 descriptor = list->descriptors[i];
		__u32 is_new = is_less(count, SET_MAX) & is_descriptor(descriptor) &
			       ~has(set->descriptors, SET_MAX, descriptor);

		set_put(set, count | -(is_new ^ 1), descriptor);
		count += is_new;
	}
	set->count = count;
}

static __always_inline int listens(struct task_struct *task, __s32 descriptor)
{
	struct file *file = (struct file *)file_of(task, descriptor);
	struct socket *socket;

	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & FILE_KIND) != IS_SOCKET)
		return 0;
	socket = (struct socket *)BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk, __sk_common.skc_state) == LISTENS;
}

static __always_inline void set_begin(
	struct task_struct *task, struct wait_set *set, const struct wait_list *list)
{
	__builtin_memset(set->descriptors, 0xff, sizeof(set->descriptors));
	for (int i = 0; i < LIST_MAX; i++) {
		if (listens(task, list->descriptors[i])) {
			set->descriptors[0] = list->descriptors[i];
			break;
		}
	}
	set_renew(set, list);
}

static __always_inline int set_is_gone(struct task_struct *task, const struct wait_set *set)
{
	for (int i = 0; i < SET_MAX; i++) {
		if (file_of(task, set->descriptors[i]))
			return 0;
	}
	return 1;
}

static __always_inline __u32 set_rank(struct task_struct *task, const struct wait_set *set)
{
	return set->count && listens(task, set->descriptors[0]) ? SET_LISTENS : set->count;
}
