/* SPDX-License-Identifier: Apache-2.0 */
/* collect.c - see collect.h. Tier C. */
#include "collect.h"

#include <errno.h>
#include <string.h>

#include "histogram.h"
#include "utf8.h"

/*
 * Bounds that no real recording meets, so that sums of what was read cannot overflow: a time since
 * boot of 36 years, and a duration of 2 years.
 */
#define TIME_MAX_NS (UINT64_C(1) << 60)
#define SPAN_MAX_NS (UINT64_C(1) << 56)
#define COUNT_MAX   (UINT64_C(1) << 48)

static uint64_t at_most(uint64_t value, uint64_t limit)
{
	return value < limit ? value : limit;
}

static uint64_t time_of(uint64_t ns)
{
	return at_most(ns, TIME_MAX_NS);
}

static uint64_t span_of(uint64_t ns)
{
	return at_most(ns, SPAN_MAX_NS);
}

/* protobuf-c keeps the number of an enum value it does not know. */
static int known_enum(const ProtobufCEnumDescriptor *known, int value, int otherwise)
{
	return protobuf_c_enum_descriptor_get_value(known, value) ? value : otherwise;
}

void collector_init(struct collector *collector, struct pool *pool)
{
	*collector = (struct collector){
		.pool = pool,
		.first_ns = UINT64_MAX,
		.strings.items.item_size = sizeof(const char *),
		.mappings.items.item_size = sizeof(struct declared_mapping),
		.functions.items.item_size = sizeof(struct declared_function),
		.locations.items.item_size = sizeof(struct declared_location),
		.stacks.items.item_size = sizeof(struct declared_stack),
		.loops.items.item_size = sizeof(struct declared_loop),
		.stalls.items.item_size = sizeof(struct stall),
		.turns.item_size = sizeof(struct turns),
		.samples.item_size = sizeof(struct sample),
		.pools.items.item_size = sizeof(struct declared_pool),
		.pool_states.item_size = sizeof(struct record_pool_state),
		.notes.item_size = sizeof(struct collected_note),
		.named.item_size = sizeof(uint32_t),
		.resting.item_size = sizeof(uint32_t),
	};
}

void *collection_find(const struct collection *collection, uint64_t id)
{
	int64_t index = idmap_find(&collection->by_id, id);

	if (index < 0)
		return NULL;
	return (uint8_t *)collection->items.items + (size_t)index * collection->items.item_size;
}

/* Adds a zeroed item under an id that the collection does not have. Returns null if out of budget.
 */
static void *collection_add(struct pool *pool, struct collection *collection, uint64_t id)
{
	size_t index = collection->items.count;
	void *item = vector_push(pool, &collection->items);

	if (!item || index >= UINT32_MAX ||
		idmap_add(pool, &collection->by_id, id, (uint32_t)index) < 0)
		return NULL;
	return item;
}

/*
 * Begins a declaration. Returns 1 and its zeroed item; 0 if there is nothing to do, because the id
 * means none or was declared before (its meaning never changes); or -ENOMEM.
 */
static int declare(
	struct collector *collector, struct collection *collection, uint32_t id, void *ret)
{
	void *item;

	if (id == 0 || idmap_find(&collection->by_id, id) >= 0)
		return 0;
	item = collection_add(collector->pool, collection, id);
	if (!item)
		return -ENOMEM;
	memcpy(ret, &item, sizeof(item));
	return 1;
}

static char *clean_text(struct pool *pool, const void *bytes, size_t length)
{
	bool clean = utf8_is_clean(bytes, length);
	char *text = pool_take(pool, (clean ? length : UTF8_CLEAN_MAX(length)) + 1);

	if (!text)
		return NULL;
	if (clean && length > 0)
		memcpy(text, bytes, length);
	else if (!clean)
		utf8_clean(text, bytes, length);
	return text;
}

static int collect_head(struct collector *collector, const Holter__Record__Head *from)
{
	struct pool *pool = collector->pool;
	struct record_head head = {
		.holter_version =
			clean_text(pool, from->holter_version, strlen(from->holter_version)),
		.runtime = clean_text(pool, from->runtime, strlen(from->runtime)),
		.program = clean_text(pool, from->program.data, from->program.len),
		.host = clean_text(pool, from->host, strlen(from->host)),
		.kernel = clean_text(pool, from->kernel, strlen(from->kernel)),
		.unwinder = clean_text(pool, from->unwinder, strlen(from->unwinder)),
		.pid = from->pid,
		.cpus = from->cpus,
		.mode = known_enum(
			&holter__record__mode__descriptor, (int)from->mode, MODE_UNKNOWN),
		.start_ns = time_of(from->start_ns),
		.threshold_ns = span_of(from->threshold_ns),
		.interval_ns = span_of(from->interval_ns),
		.utc_offset_ns = from->utc_offset_ns,
	};

	if (!head.holter_version || !head.runtime || !head.program || !head.host || !head.kernel ||
		!head.unwinder)
		return -ENOMEM;
	/* UTC = time + offset must not overflow. */
	if (head.utc_offset_ns > INT64_MAX - (int64_t)TIME_MAX_NS ||
		head.utc_offset_ns < INT64_MIN + (int64_t)TIME_MAX_NS)
		head.utc_offset_ns = 0;
	collector->head = head;
	collector->has_head = true;
	return 0;
}

static int collect_string(struct collector *collector, const Holter__Record__String *from)
{
	const char **text;
	int is_new = declare(collector, &collector->strings, from->id, &text);

	if (is_new <= 0)
		return is_new;
	*text = clean_text(collector->pool, from->text.data, from->text.len);
	return *text ? 0 : -ENOMEM;
}

static int collect_mapping(struct collector *collector, const Holter__Record__Mapping *from)
{
	struct declared_mapping *declared;
	struct record_mapping *record;
	int is_new = declare(collector, &collector->mappings, from->id, &declared);

	if (is_new <= 0)
		return is_new;
	declared->path = from->path;
	declared->mapping = pool_take(collector->pool, sizeof(*declared->mapping));
	if (!declared->mapping)
		return -ENOMEM;
	record = &declared->mapping->record;
	record->start = from->start;
	record->end = from->end > from->start ? from->end : from->start;
	record->offset = from->offset;
	record->bias = from->bias;
	if (from->build_id.len > 0 && from->build_id.len <= sizeof(record->build_id)) {
		memcpy(record->build_id, from->build_id.data, from->build_id.len);
		record->build_id_length = (uint8_t)from->build_id.len;
	}
	return 0;
}

static int collect_function(struct collector *collector, const Holter__Record__Function *from)
{
	struct declared_function *declared;
	int is_new = declare(collector, &collector->functions, from->id, &declared);

	if (is_new <= 0)
		return is_new;
	declared->name = from->name;
	declared->file = from->file;
	declared->function = pool_take(collector->pool, sizeof(*declared->function));
	if (!declared->function)
		return -ENOMEM;
	declared->function->line = from->line;
	declared->function->column = from->column;
	return 0;
}

static int collect_location(struct collector *collector, const Holter__Record__Location *from)
{
	struct declared_location *declared;
	int is_new = declare(collector, &collector->locations, from->id, &declared);

	if (is_new <= 0)
		return is_new;
	*declared = (struct declared_location){
		/* A kind or doubt that only a newer version knows: claim the least. */
		.kind = known_enum(
			&holter__record__frame_kind__descriptor, (int)from->kind, FRAME_NATIVE),
		.doubt = known_enum(&holter__record__doubt__descriptor, (int)from->doubt,
			DOUBT_LINE_APPROXIMATE),
		.address = from->address,
		.mapping = from->mapping,
		.function = from->function,
		.line = from->line,
		.column = from->column,
	};
	return 0;
}

static int collect_stack(struct collector *collector, const Holter__Record__Stack *from)
{
	size_t count = at_most(from->n_location, RECORD_STACK_MAX);
	struct declared_stack *declared;
	uint32_t *locations;
	int is_new = declare(collector, &collector->stacks, from->id, &declared);

	if (is_new <= 0)
		return is_new;
	locations = pool_take(collector->pool, count * sizeof(*locations));
	declared->stack = pool_take(collector->pool, sizeof(*declared->stack));
	if (!locations || !declared->stack)
		return -ENOMEM;
	if (count > 0)
		memcpy(locations, from->location, count * sizeof(*locations));
	declared->stack->id = from->id;
	declared->stack->count = count;
	declared->locations = locations;
	return 0;
}

static void saw_span(struct collector *collector, uint64_t begin_ns, uint64_t end_ns)
{
	if (begin_ns < collector->first_ns)
		collector->first_ns = begin_ns;
	if (end_ns > collector->last_ns)
		collector->last_ns = end_ns;
}

/* A loop is declared again when more is known of it (the end of its start-up): the last word
 * counts. */
static int collect_loop(struct collector *collector, const Holter__Record__Loop *from)
{
	struct declared_loop *declared = collection_find(&collector->loops, from->id);

	if (from->id == 0)
		return 0;
	if (!declared) {
		declared = collection_add(collector->pool, &collector->loops, from->id);
		if (!declared)
			return -ENOMEM;
		declared->loop = pool_take(collector->pool, sizeof(*declared->loop));
		if (!declared->loop)
			return -ENOMEM;
	}
	declared->thread = from->thread;
	declared->loop->record = (struct record_loop){
		.id = from->id,
		.tid = from->tid,
		.wait = known_enum(
			&holter__record__wait_call__descriptor, (int)from->wait, WAIT_UNKNOWN),
		.descriptor = from->descriptor,
		.first_wait_ns = time_of(from->first_wait_ns),
		.startup_end_ns = time_of(from->startup_end_ns),
	};
	return 0;
}

static int collect_histogram(
	struct collector *collector, struct turns *turns, const Holter__Record__Turns *from)
{
	size_t count = at_most(from->n_bucket_delta, from->n_bucket_count);
	uint64_t bucket = 0;

	count = at_most(count, HISTOGRAM_BUCKETS);
	if (count == 0)
		return 0;
	turns->buckets = pool_take(collector->pool, count * sizeof(*turns->buckets));
	turns->counts = pool_take(collector->pool, count * sizeof(*turns->counts));
	if (!turns->buckets || !turns->counts)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		bucket += from->bucket_delta[i];
		if (bucket >= HISTOGRAM_BUCKETS)
			break;
		turns->buckets[turns->bucket_count] = (uint32_t)bucket;
		turns->counts[turns->bucket_count++] = at_most(from->bucket_count[i], COUNT_MAX);
	}
	return 0;
}

static int collect_turns(struct collector *collector, const Holter__Record__Turns *from)
{
	struct turns *turns = vector_push(collector->pool, &collector->turns);
	struct record_turns *record;

	if (!turns)
		return -ENOMEM;
	record = &turns->record;
	*record = (struct record_turns){
		.loop = from->loop,
		.from_ns = time_of(from->from_ns),
		.to_ns = time_of(from->to_ns),
		.count = at_most(from->count, COUNT_MAX),
		.busy_ns = span_of(from->busy_ns),
		.longest_ns = span_of(from->longest_ns),
		.histogram_from_ns = time_of(from->histogram_from_ns),
	};
	if (record->to_ns < record->from_ns)
		record->to_ns = record->from_ns;
	saw_span(collector, record->from_ns, record->to_ns);
	return collect_histogram(collector, turns, from);
}

/* The message with the greatest duration counts; among equals one that says the stall has ended. */
static bool supersedes(const struct record_stall *a, const struct record_stall *b)
{
	if (a->duration_ns != b->duration_ns)
		return a->duration_ns > b->duration_ns;
	return a->ended || !b->ended;
}

static int collect_stall(struct collector *collector, const Holter__Record__Stall *from)
{
	struct stall *stall = collection_find(&collector->stalls, from->id);
	struct record_stall record = {
		.id = from->id,
		.loop = from->loop,
		.ended = from->ended,
		.startup = from->startup,
		.begin_ns = time_of(from->begin_ns),
		.duration_ns = span_of(from->duration_ns),
		.measured_ns = span_of(from->measured_ns),
		.cpu_ns = span_of(from->cpu_ns),
		.runqueue_ns = span_of(from->runqueue_ns),
		.gc_ns = span_of(from->gc_ns),
		.throttled_ns = span_of(from->throttled_ns),
		.minor_faults = at_most(from->minor_faults, COUNT_MAX),
		.major_faults = at_most(from->major_faults, COUNT_MAX),
		.samples = from->samples,
		.samples_missed = from->samples_missed,
		.ready = from->ready,
		.io_calls = at_most(from->io_calls, COUNT_MAX),
		.io_pause_ns = span_of(from->io_pause_ns),
		.holder = from->holder,
	};

	if (!stall) {
		stall = collection_add(collector->pool, &collector->stalls, from->id);
		if (!stall)
			return -ENOMEM;
		stall->record = record;
	} else if (supersedes(&record, &stall->record)) {
		stall->record = record;
	}
	saw_span(collector, record.begin_ns, record.begin_ns + record.duration_ns);
	return 0;
}

static int collect_sample(struct collector *collector, const Holter__Record__Sample *from)
{
	struct sample *sample = vector_push(collector->pool, &collector->samples);

	if (!sample)
		return -ENOMEM;
	sample->record = (struct record_sample){
		.stall = from->stall,
		.loop = from->loop,
		.time_ns = time_of(from->time_ns),
		.weight_ns = span_of(from->weight_ns),
		.cpu_ns = span_of(from->cpu_ns),
		.stack = from->stack,
		.syscall =
			from->syscall_plus_1 <= INT32_MAX ? (int32_t)from->syscall_plus_1 - 1 : -1,
		.in_place = from->in_place,
		.on = from->on,
	};
	saw_span(collector, sample->record.time_ns, sample->record.time_ns);
	return 0;
}

static int collect_pool(struct collector *collector, const Holter__Record__Pool *from)
{
	struct declared_pool *declared;
	int is_new = declare(collector, &collector->pools, from->id, &declared);

	if (is_new <= 0)
		return is_new;
	declared->name = from->name;
	declared->pool = pool_take(collector->pool, sizeof(*declared->pool));
	if (!declared->pool)
		return -ENOMEM;
	declared->pool->record =
		(struct record_pool){.id = from->id, .begin_ns = time_of(from->begin_ns)};
	return 0;
}

static int collect_pool_state(struct collector *collector, const Holter__Record__PoolState *from)
{
	struct record_pool_state *state = vector_push(collector->pool, &collector->pool_states);

	if (!state)
		return -ENOMEM;
	*state = (struct record_pool_state){
		.pool = from->pool,
		.time_ns = time_of(from->time_ns),
		.size = from->size,
		.held = from->held,
		.waiting = from->waiting,
		.held_most = from->held_most,
		.waiting_most = from->waiting_most,
		.longest_hold_ns = span_of(from->longest_hold_ns),
		.longest_wait_ns = span_of(from->longest_wait_ns),
		.oldest_hold_ns = span_of(from->oldest_hold_ns),
		.acquisitions = at_most(from->acquisitions, COUNT_MAX),
		.hold_ns = span_of(from->hold_ns),
		.waits = at_most(from->waits, COUNT_MAX),
		.wait_ns = span_of(from->wait_ns),
	};
	saw_span(collector, state->time_ns, state->time_ns);
	return 0;
}

/* Counts are cumulative, so the greatest one is the latest. */
static int collect_loss(struct collector *collector, const Holter__Record__Loss *from)
{
	int kind =
		known_enum(&holter__record__loss_kind__descriptor, (int)from->kind, LOSS_UNKNOWN);

	if (from->count > collector->lost[kind])
		collector->lost[kind] = from->count;
	return 0;
}

static int collect_note(struct collector *collector, const Holter__Record__Note *from)
{
	struct collected_note *note = vector_push(collector->pool, &collector->notes);

	if (!note)
		return -ENOMEM;
	note->kind =
		known_enum(&holter__record__note_kind__descriptor, (int)from->kind, NOTE_UNKNOWN);
	note->text = from->text;
	note->time_ns = time_of(from->time_ns);
	return 0;
}

static int collect_named(struct collector *collector, const Holter__Record__Named *from)
{
	uint32_t *stack = vector_push(collector->pool, &collector->named);

	if (!stack)
		return -ENOMEM;
	*stack = from->stack;
	return 0;
}

static int collect_resting(struct collector *collector, const Holter__Record__Resting *from)
{
	uint32_t *stack = vector_push(collector->pool, &collector->resting);

	if (!stack)
		return -ENOMEM;
	*stack = from->stack;
	return 0;
}

/* Calls collect_KIND for each message of a repeated field. */
#define COLLECT_EACH(kind)                                                                         \
	for (size_t i = 0; error == 0 && i < block->n_##kind; i++)                                 \
	error = collect_##kind(collector, block->kind[i])

int collect_block(struct collector *collector, const Holter__Record__Block *block)
{
	int error = 0;

	if (block->head)
		error = collect_head(collector, block->head);
	COLLECT_EACH(string);
	COLLECT_EACH(mapping);
	COLLECT_EACH(function);
	COLLECT_EACH(location);
	COLLECT_EACH(stack);
	COLLECT_EACH(loop);
	COLLECT_EACH(turns);
	COLLECT_EACH(stall);
	COLLECT_EACH(sample);
	COLLECT_EACH(pool);
	COLLECT_EACH(pool_state);
	COLLECT_EACH(loss);
	COLLECT_EACH(note);
	COLLECT_EACH(named);
	COLLECT_EACH(resting);
	/* Names that are added afterwards are no observed time. */
	if (!collector->ended)
		saw_span(collector, UINT64_MAX, time_of(block->time_ns));
	if (block->end)
		collector->ended = true;
	return error;
}
