/* SPDX-License-Identifier: Apache-2.0 */
#include "wait_set.h"

#include <poll.h>

void wait_list_of_entries(struct wait_list *ret, const struct pollfd *entries, size_t count)
{
	ret->count = 0;
	for (size_t i = 0; i < count && i < WAIT_LIST_MAX; i++) {
		/* The kernel passes over negative ones (poll(2)). */
		if (entries[i].fd >= 0)
			ret->descriptors[ret->count++] = entries[i].fd;
	}
}

void wait_list_of_words(struct wait_list *ret, const uint64_t *words, uint32_t limit)
{
	ret->count = 0;
	for (uint32_t i = 0; i < WAIT_SET_WORDS && 64 * i < limit; i++) {
		for (uint64_t rest = words[i]; rest && ret->count < WAIT_LIST_MAX;
			rest &= rest - 1) {
			uint32_t descriptor = 64 * i + (uint32_t)__builtin_ctzll(rest);

			if (descriptor < limit)
				ret->descriptors[ret->count++] = (int32_t)descriptor;
		}
	}
}

static bool has(const int32_t *descriptors, uint32_t count, int32_t descriptor)
{
	for (uint32_t i = 0; i < count; i++) {
		if (descriptors[i] == descriptor)
			return true;
	}
	return false;
}

bool wait_set_is_same(const struct wait_set *set, const struct wait_list *list)
{
	uint32_t shared = 0;

	if (!set->count)
		return false;
	if (has(list->descriptors, list->count, set->descriptors[0]))
		return true;
	for (uint32_t i = 1; i < set->count; i++)
		shared += has(list->descriptors, list->count, set->descriptors[i]);
	return 2 * shared > set->count;
}

void wait_set_renew(struct wait_set *set, const struct wait_list *list)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < set->count; i++) {
		if (has(list->descriptors, list->count, set->descriptors[i]))
			set->descriptors[kept++] = set->descriptors[i];
	}
	set->count = kept;
	for (uint32_t i = 0; i < list->count && set->count < WAIT_SET_MAX; i++) {
		if (!has(set->descriptors, set->count, list->descriptors[i]))
			set->descriptors[set->count++] = list->descriptors[i];
	}
}

void wait_set_begin(struct wait_set *ret, int32_t oldest)
{
	ret->descriptors[0] = oldest;
	ret->count = 1;
}
