/* SPDX-License-Identifier: Apache-2.0 */
#include "weigh.h"

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* How much of a time is not given yet, of which `before` is. */
static uint64_t grown(uint64_t before, uint64_t now)
{
	return now > before ? now - before : 0;
}

/* No more than has passed: a source may know the time away a little late. */
static uint64_t left_of(const struct weigh *weigh, const struct weigh_moment *at)
{
	return grown(weigh->cpu_ns + weigh->away_ns, at->passed_ns);
}

static uint64_t cpu_of(const struct weigh_moment *at)
{
	return grown(at->away_ns, at->passed_ns);
}

static void give_away(struct weigh *weigh, struct weighed *to, const struct weigh_moment *at)
{
	uint64_t ns = least(grown(weigh->away_ns, at->away_ns), left_of(weigh, at));

	weigh->away_ns += ns;
	to->record.weight_ns += ns;
}

/* Gives the time on a CPU as far as `cpu_ns` of the turn. */
static void give_cpu(
	struct weigh *weigh, struct weighed *to, uint64_t cpu_ns, const struct weigh_moment *at)
{
	uint64_t ns = least(grown(weigh->cpu_ns, cpu_ns), left_of(weigh, at));

	weigh->cpu_ns += ns;
	to->record.cpu_ns += ns;
	to->record.weight_ns += ns;
}

static void put(struct weigh *weigh, struct writer *writer, struct weighed *sample)
{
	if (!sample->record.stall)
		return;
	if (sample->collects)
		weigh->gc_ns += sample->record.weight_ns;
	weigh->samples++;
	writer_sample(writer, &sample->record);
	sample->record.stall = 0;
}

static void settle_left(struct weigh *weigh, struct writer *writer, const struct weigh_moment *at)
{
	if (!weigh->left.record.stall)
		return;
	give_away(weigh, &weigh->left, at);
	/* Back at once: that it left there says nothing. */
	if (weigh->left.record.weight_ns)
		put(weigh, writer, &weigh->left);
	weigh->left.record.stall = 0;
}

/* One that may stand for the time on a CPU before it. */
static void note_unmet(struct weigh *weigh, const struct weighed *sample, uint64_t cpu_ns)
{
	struct weighed *unmet;

	if (weigh->is_met || weigh->unmet_count == WEIGH_UNMET_MAX)
		return;
	unmet = &weigh->unmet[weigh->unmet_count++];
	*unmet = (struct weighed){
		.record = {.stall = sample->record.stall,
			.loop = sample->record.loop,
			.stack = sample->record.stack,
			.time_ns = sample->record.time_ns,
			.cpu_ns = cpu_ns,
			.syscall = -1},
		.collects = sample->collects,
	};
}

void weigh_add(struct weigh *weigh, struct writer *writer, enum weigh_kind kind,
	const struct record_sample *sample, bool collects, const struct weigh_moment *at)
{
	struct weighed weighed = {.record = *sample, .collects = collects};

	settle_left(weigh, writer, at);
	give_away(weigh, &weighed, at);
	if (kind == WEIGH_CLOCK) {
		weigh->is_met = true;
		put(weigh, writer, &weigh->clocked);
		give_cpu(weigh, &weighed, cpu_of(at), at);
		weigh->clocked = weighed;
		return;
	}
	note_unmet(weigh, &weighed, cpu_of(at));
	if (kind == WEIGH_LEAVES)
		weigh->left = weighed;
	else
		put(weigh, writer, &weighed);
}

/* Each stands for what passed on the CPU before it, and the last one for all the rest. */
static void give_unmet(struct weigh *weigh, struct writer *writer, const struct weigh_moment *at)
{
	for (unsigned i = 0; i < weigh->unmet_count; i++) {
		struct weighed *unmet = &weigh->unmet[i];
		bool is_last = i + 1 == weigh->unmet_count;
		uint64_t cpu_ns = is_last ? cpu_of(at) : unmet->record.cpu_ns;

		unmet->record.cpu_ns = 0;
		give_cpu(weigh, unmet, cpu_ns, at);
		if (is_last)
			give_away(weigh, unmet, at);
		if (unmet->record.weight_ns)
			put(weigh, writer, unmet);
	}
}

void weigh_end(struct weigh *weigh, struct writer *writer, const struct weigh_moment *at)
{
	settle_left(weigh, writer, at);
	if (weigh->is_met) {
		give_away(weigh, &weigh->clocked, at);
		give_cpu(weigh, &weigh->clocked, cpu_of(at), at);
	} else {
		give_unmet(weigh, writer, at);
	}
	weigh_stop(weigh, writer);
}

void weigh_stop(struct weigh *weigh, struct writer *writer)
{
	put(weigh, writer, &weigh->clocked);
	weigh->left.record.stall = 0;
}
