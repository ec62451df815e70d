/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stall.c - findings about stalls.
 *
 * Stalls during start-up are none, nor is the work of a thread that takes jobs (jobs.c). A stall
 * that the host caused by giving no CPU blames no function, and one of which no stack was taken
 * cannot; all others are parted by origin (group.c), and each group is a finding with its culprit
 * (culprit.c) and its cause (cause.c).
 *
 * Confidence is the product of four numbers: evidence n / (n + 2) for n samples; the culprit's
 * share of the weight; 1 - d / 2 where the part d of the weight has a doubtful stack; and the part
 * of the wanted samples that were taken. Without a culprit it is half the evidence.
 *
 * Tier C. Data:
 * recording.stalls and samples -> struct finding.
 */
#include "stall.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cause.h"
#include "culprit.h"
#include "group.h"
#include "jobs.h"
#include "minute.h"
#include "severity.h"
#include "summary.h"
#include "symbol.h"
#include "weight.h"

static const double NS_PER_MS = 1e6;
static const double NS_PER_S = 1e9;
static const double CONFIDENCE_WITHOUT_STACK = 0.3;

struct stall_set {
	uint32_t *stalls; /* indices into recording.stalls */
	size_t count;
};

/* A set and what its samples say. */
struct verdict {
	struct stall_set set;
	bool has_culprit;
	uint32_t function; /* FUNCTION_NONE: no culprit */
	struct culprit culprit;
	double doubt;
	size_t samples;
	bool scattered; /* joined from many that blame different functions */
};

static void set_init(struct stall_set *ret, size_t capacity, struct recording *recording)
{
	ret->stalls = recording_alloc(recording, (capacity + 1) * sizeof(*ret->stalls));
	ret->count = 0;
}

static bool has_stack(const struct stall *stall, const struct identity *identity,
	const struct recording *recording)
{
	for (size_t i = 0; i < stall->sample_count; i++) {
		if (identity_view(identity, recording->samples[stall->first_sample + i].stack))
			return true;
	}
	return false;
}

/* Collects a set's samples. Returns them, owned by the caller (free); null only for an empty set.
 */
static struct witness *collect_witnesses(const struct stall_set *set,
	const struct identity *identity, const struct recording *recording, size_t *ret_count)
{
	struct witness *witnesses;
	size_t capacity = 0;

	*ret_count = 0;
	for (size_t i = 0; i < set->count; i++)
		capacity += recording->stalls[set->stalls[i]].sample_count;
	witnesses = calloc(capacity + 1, sizeof(*witnesses));
	for (size_t i = 0; witnesses && i < set->count; i++) {
		const struct stall *stall = &recording->stalls[set->stalls[i]];

		for (size_t j = 0; j < stall->sample_count; j++) {
			const struct sample *sample = &recording->samples[stall->first_sample + j];
			const struct stack_view *view = identity_view(identity, sample->stack);

			if (view)
				witnesses[(*ret_count)++] = (struct witness){
					sample, view, weight_of_sample(&sample->record)};
		}
	}
	return witnesses;
}

/* Returns 0 or -ENOMEM. */
static int judge(struct verdict *verdict, struct culprit_search *search)
{
	size_t count;
	struct witness *witnesses =
		collect_witnesses(&verdict->set, search->identity, search->recording, &count);

	if (!witnesses)
		return -ENOMEM;
	verdict->samples = count;
	verdict->has_culprit =
		culprit_find(search, witnesses, count, &verdict->culprit, &verdict->function);
	if (verdict->has_culprit)
		verdict->doubt = culprit_doubt(verdict->function, witnesses, count);
	free(witnesses);
	return 0;
}

static int by_function(const void *left, const void *right)
{
	const struct verdict *a = left, *b = right;

	if (a->function != b->function)
		return a->function < b->function ? -1 : 1;
	return a->set.stalls[0] < b->set.stalls[0] ? -1 : a->set.stalls[0] > b->set.stalls[0];
}

/* Returns one verdict in place of `count`, still to be judged. */
static struct verdict join(
	const struct verdict *verdicts, size_t count, struct recording *recording)
{
	struct verdict joined = verdicts[0];
	size_t stalls = 0;

	for (size_t i = 0; i < count; i++)
		stalls += verdicts[i].set.count;
	set_init(&joined.set, stalls, recording);
	for (size_t i = 0; i < count; i++) {
		const struct stall_set *set = &verdicts[i].set;

		memcpy(joined.set.stalls + joined.set.count, set->stalls,
			set->count * sizeof(*set->stalls));
		joined.set.count += set->count;
	}
	return joined;
}

/*
 * One function may be reached by several ways, which parted its stalls: joins the verdicts that
 * blame the same one, and those that blame none. Returns 0 or -ENOMEM.
 */
static int join_verdicts(struct verdict *verdicts, size_t *count, struct culprit_search *search)
{
	size_t used = 0;

	qsort(verdicts, *count, sizeof(*verdicts), by_function);
	for (size_t first = 0, next; first < *count; first = next) {
		int error = 0;

		for (next = first + 1;
			next < *count && verdicts[next].function == verdicts[first].function;)
			next++;
		verdicts[used] = verdicts[first];
		if (next > first + 1) {
			verdicts[used] = join(&verdicts[first], next - first, search->recording);
			error = judge(&verdicts[used], search);
		}
		if (error)
			return error;
		used++;
	}
	*count = used;
	return 0;
}

static int by_value(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return a < b ? -1 : a > b;
}

/* The smallest duration that `part` of the others do not exceed. */
static double quantile(const double *ascending, size_t count, double part)
{
	size_t rank = (size_t)(part * (double)count);

	return ascending[rank < count ? rank : count - 1];
}

/* What a loop lost by one stall. */
struct lost {
	const struct loop *loop; /* null: not known which */
	uint64_t ns;
};

static size_t place_of(const struct lost *lost)
{
	return lost->loop ? lost->loop->index : SIZE_MAX;
}

static int by_loop(const void *left, const void *right)
{
	size_t a = place_of(left), b = place_of(right);

	return a < b ? -1 : a > b;
}

/* The loop that lost most by these stalls, and how much. */
static const struct loop *worst_loop(
	const struct stall_set *set, struct recording *recording, double *ret_ns)
{
	struct lost *lost = recording_alloc(recording, set->count * sizeof(*lost));
	const struct loop *worst = NULL;

	for (size_t i = 0; i < set->count; i++) {
		const struct stall *stall = &recording->stalls[set->stalls[i]];

		lost[i] = (struct lost){stall->loop, stall->record.duration_ns};
	}
	qsort(lost, set->count, sizeof(*lost), by_loop);
	*ret_ns = 0;
	for (size_t first = 0, next; first < set->count; first = next) {
		double lost_ns = 0;

		for (next = first; next < set->count && lost[next].loop == lost[first].loop; next++)
			lost_ns += (double)lost[next].ns;
		if (lost_ns > *ret_ns) {
			*ret_ns = lost_ns;
			worst = lost[first].loop;
		}
	}
	return worst;
}

bool stall_is_unfinished(const struct stall *stall, const struct recording *recording)
{
	/* What says that it has ended may be lost, but not that its loop went on. */
	if (stall->record.ended || (stall->loop && stall->loop->turned_ns > stall->record.begin_ns))
		return false;
	return !recording->ended || recording->head.mode == MODE_ATTACH;
}

/* Whether it was seen from its middle on. */
static bool was_going_on(const struct stall *stall, const struct recording *recording)
{
	return recording->head.mode == MODE_ATTACH && stall->loop &&
	       stall->record.begin_ns <= stall->loop->record.first_wait_ns;
}

static void set_figures(struct finding *finding, const struct stall_set *set,
	const struct diagnosis *diagnosis, struct recording *recording)
{
	struct stall_figures *figures = &finding->stall;
	double *durations_ms = recording_alloc(recording, set->count * sizeof(*durations_ms));
	double lost_ns, observed_ns = diagnosis->seconds * NS_PER_S;

	for (size_t i = 0; i < set->count; i++) {
		const struct stall *stall = &recording->stalls[set->stalls[i]];

		durations_ms[i] = (double)stall->record.duration_ns / NS_PER_MS;
		figures->total_ms += durations_ms[i];
		if (stall_is_unfinished(stall, recording) &&
			durations_ms[i] > figures->unfinished_ms)
			figures->unfinished_ms = durations_ms[i];
		figures->since_attach |= was_going_on(stall, recording);
	}
	qsort(durations_ms, set->count, sizeof(*durations_ms), by_value);
	figures->count = set->count;
	figures->max_ms = durations_ms[set->count - 1];
	figures->p50_ms = quantile(durations_ms, set->count, 0.50);
	figures->p99_ms = quantile(durations_ms, set->count, 0.99);
	finding->loop = worst_loop(set, recording, &lost_ns);
	figures->lost_share = lost_ns < observed_ns ? lost_ns / observed_ns : 1;
	figures->minute_share =
		minute_worst_share(set->stalls, set->count, finding->loop, recording);
}

/* The system call in which a set's stalls slept longest; null if most of their sleep was in none.
 */
static const char *find_syscall(const struct stall_set *set, struct recording *recording)
{
	enum { SYSCALLS = 1024 };
	uint64_t *asleep_ns = recording_alloc(recording, SYSCALLS * sizeof(*asleep_ns));
	uint64_t total_ns = 0;
	size_t best = 0;
	char text[32];
	int length;

	for (size_t i = 0; i < set->count; i++) {
		const struct stall *stall = &recording->stalls[set->stalls[i]];

		for (size_t j = 0; j < stall->sample_count; j++) {
			const struct record_sample *sample =
				&recording->samples[stall->first_sample + j].record;
			uint64_t slept_ns = sample->weight_ns > sample->cpu_ns
						    ? sample->weight_ns - sample->cpu_ns
						    : 0;

			total_ns += slept_ns;
			if (sample->syscall < 0 || sample->syscall >= SYSCALLS)
				continue;
			asleep_ns[sample->syscall] += slept_ns;
			if (asleep_ns[sample->syscall] > asleep_ns[best])
				best = (size_t)sample->syscall;
		}
	}
	if (total_ns == 0 || asleep_ns[best] * 2 < total_ns)
		return NULL;
	if (symbol_syscall((int)best))
		return symbol_syscall((int)best);
	length = snprintf(text, sizeof(text), "syscall %zu", best);
	return recording_text(recording, text, (size_t)length);
}

/* Finds the one name that most of a weight may be for (majority vote of Boyer and Moore). */
static void vote(const char *name, double weight_ns, const char **best, double *lead_ns)
{
	if (strcmp(name, *best) == 0) {
		*lead_ns += weight_ns;
	} else if (weight_ns > *lead_ns) {
		*best = name;
		*lead_ns = weight_ns - *lead_ns;
	} else {
		*lead_ns -= weight_ns;
	}
}

const char stall_interpreter_lock[] = "the interpreter's lock";

/* CPython's global lock is a condition of its own making: only who waits for it tells. */
static bool waits_for_interpreter(const struct stack *stack)
{
	static const char *const waits[] = {
		"take_gil", "PyEval_RestoreThread", "PyEval_AcquireThread"};

	for (size_t i = 0; stack && i < stack->count; i++) {
		const struct frame *frame = &stack->frames[i];

		if (frame_is_script(frame))
			return false;
		for (size_t j = 0; j < sizeof(waits) / sizeof(waits[0]); j++) {
			if (frame_is_named(frame) && strcmp(frame->function->name, waits[j]) == 0)
				return true;
		}
	}
	return false;
}

/* What a sample's thread slept on; "": it did not sleep in a call, or that is not known. */
static const char *slept_on(const struct sample *sample)
{
	if (sample->record.syscall < 0)
		return "";
	if (!sample->on[0] && waits_for_interpreter(sample->stack))
		return stall_interpreter_lock;
	return sample->on;
}

/* The one thing that a stall's sleep may mostly have been on. */
static void vote_on(
	const struct stall *stall, const struct sample *samples, const char **best, double *lead_ns)
{
	for (size_t i = 0; i < stall->sample_count; i++) {
		const char *on = slept_on(&samples[i]);

		if (on[0])
			vote(on, (double)samples[i].record.weight_ns, best, lead_ns);
	}
}

/* What most of a set's sleep waited for; null: several things, or not known. */
static const char *find_on(const struct stall_set *set, const struct recording *recording)
{
	const char *best = "";
	double lead_ns = 0, asleep_ns = 0, best_ns = 0;

	for (size_t i = 0; i < set->count; i++) {
		const struct stall *stall = &recording->stalls[set->stalls[i]];

		vote_on(stall, &recording->samples[stall->first_sample], &best, &lead_ns);
	}
	for (size_t i = 0; i < set->count; i++) {
		const struct stall *stall = &recording->stalls[set->stalls[i]];

		for (size_t j = 0; j < stall->sample_count; j++) {
			const struct sample *sample = &recording->samples[stall->first_sample + j];
			const char *on = slept_on(sample);

			if (!on[0])
				continue;
			asleep_ns += (double)sample->record.weight_ns;
			if (strcmp(on, best) == 0)
				best_ns += (double)sample->record.weight_ns;
		}
	}
	return best[0] != '\0' && best_ns * 2 > asleep_ns ? best : NULL;
}

/* Who had the CPU for most of the time that a set's stalls queued for it; null: several, or not
 * known. */
static const char *find_holder(const struct stall_set *set, struct recording *recording)
{
	const char *best = "";
	double lead_ns = 0, total_ns = 0, best_ns = 0;

	for (size_t i = 0; i < set->count; i++) {
		const struct stall *stall = &recording->stalls[set->stalls[i]];

		vote(stall->holder, (double)stall->record.runqueue_ns, &best, &lead_ns);
	}
	for (size_t i = 0; i < set->count; i++) {
		const struct stall *stall = &recording->stalls[set->stalls[i]];

		total_ns += (double)stall->record.runqueue_ns;
		if (strcmp(stall->holder, best) == 0)
			best_ns += (double)stall->record.runqueue_ns;
	}
	return best[0] != '\0' && best_ns * 2 > total_ns ? best : NULL;
}

static void add_parts(
	struct cause_parts *parts, const struct stall_set *set, const struct recording *recording)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct stall *stall = &recording->stalls[set->stalls[i]];

		cause_add(parts, stall, &recording->samples[stall->first_sample]);
	}
}

/* The part of the samples that were asked for which were taken. */
static double taken_share(const struct stall_set *set, const struct recording *recording)
{
	double taken = 0, missed = 0;

	for (size_t i = 0; i < set->count; i++) {
		const struct stall *stall = &recording->stalls[set->stalls[i]];

		taken += (double)stall->sample_count;
		missed += (double)stall->record.samples_missed;
	}
	return taken > 0 ? taken / (taken + missed) : 0;
}

static enum severity severity_of_set(
	const struct stall_set *set, const struct diagnosis *diagnosis, struct recording *recording)
{
	struct finding finding = {0};

	if (set->count == 0)
		return SEVERITY_INFO;
	set_figures(&finding, set, diagnosis, recording);
	return severity_of_stalls(&finding.stall);
}

/* Whether a culprit has called code that comes before its own class: it only calls back. */
static bool is_dispatcher(const struct culprit *culprit, struct recording *recording)
{
	for (size_t i = 0; i < culprit->depth; i++) {
		if (frame_class(&culprit->stack->frames[i], recording) < culprit->frame_class)
			return true;
	}
	return false;
}

/*
 * Stalls of many origins, each of which is too little for a finding, may together take the loop
 * away: then they are one. What they have in common may be a package that all of them use, or
 * nothing but the way in which they were called. Returns 0 or -ENOMEM.
 */
static int join_scattered(struct verdict *verdicts, size_t *count,
	const struct diagnosis *diagnosis, struct culprit_search *search)
{
	struct verdict all;
	int error;

	for (size_t i = 0; i < *count; i++) {
		if (severity_of_set(&verdicts[i].set, diagnosis, search->recording) > SEVERITY_INFO)
			return 0;
	}
	if (*count < 2)
		return 0;
	all = join(verdicts, *count, search->recording);
	if (severity_of_set(&all.set, diagnosis, search->recording) < SEVERITY_CRITICAL)
		return 0;
	error = judge(&all, search);
	if (error)
		return error;
	if (all.has_culprit && is_dispatcher(&all.culprit, search->recording))
		all.has_culprit = false;
	all.scattered = true;
	verdicts[0] = all;
	*count = 1;
	return 0;
}

static struct finding *add_finding(
	struct diagnosis *diagnosis, const struct stall_set *set, struct recording *recording)
{
	struct finding *finding = &diagnosis->findings[diagnosis->finding_count++];
	struct cause_parts parts = {0};

	finding->kind = FINDING_STALL;
	set_figures(finding, set, diagnosis, recording);
	add_parts(&parts, set, recording);
	finding->cause = cause_label(&parts);
	cause_shares(&parts, finding->stall.shares);
	finding->severity = severity_of_stalls(&finding->stall);
	return finding;
}

static void add_verdict(
	struct diagnosis *diagnosis, const struct verdict *verdict, struct recording *recording)
{
	struct finding *finding = add_finding(diagnosis, &verdict->set, recording);
	double evidence = (double)verdict->samples / ((double)verdict->samples + 2);

	finding->stall.samples = verdict->samples;
	if (verdict->scattered)
		finding->severity = severity_lowered(finding->severity);
	if (finding->cause == CAUSE_BLOCKED) {
		finding->stall.syscall = find_syscall(&verdict->set, recording);
		if (finding->stall.syscall)
			finding->stall.on = find_on(&verdict->set, recording);
	}
	/* What the runtime does while another thread has its lock is no fault: that thread's is, of
	 * which there is no sample. */
	finding->has_culprit =
		verdict->has_culprit && !(finding->stall.on == stall_interpreter_lock &&
						verdict->culprit.frame_class > CLASS_DEPENDENCY);
	finding->culprit = verdict->culprit;
	finding->confidence = finding->has_culprit ? evidence * verdict->culprit.share *
							     (1 - verdict->doubt / 2) *
							     taken_share(&verdict->set, recording)
						   : evidence / 2;
	finding->summary = summary_of_culprit(finding, recording);
}

static void add_unseen(
	struct diagnosis *diagnosis, const struct stall_set *set, struct recording *recording)
{
	struct finding *finding;

	if (set->count == 0)
		return;
	finding = add_finding(diagnosis, set, recording);
	finding->confidence = CONFIDENCE_WITHOUT_STACK;
	finding->summary = summary_of_unseen(finding, recording);
}

/* What a starved host does to a healthy program is no fault of the program: one step less severe.
 */
static void add_host(
	struct diagnosis *diagnosis, const struct stall_set *set, struct recording *recording)
{
	struct cause_parts parts = {0};
	struct finding *finding;

	if (set->count == 0)
		return;
	finding = add_finding(diagnosis, set, recording);
	add_parts(&parts, set, recording);
	finding->cause = CAUSE_RUNQUEUE;
	finding->severity = severity_lowered(finding->severity);
	finding->confidence = parts.runqueue_ns / parts.measured_ns;
	finding->stall.on = find_holder(set, recording);
	finding->summary = summary_of_host(finding, recording);
}

static void add_startup(struct startup_figures *figures, const struct stall *stall,
	const struct recording *recording)
{
	double duration_ms = (double)stall->record.duration_ns / NS_PER_MS;

	figures->turns++;
	figures->total_ms += duration_ms;
	figures->max_ms = fmax(figures->max_ms, duration_ms);
	if (stall_is_unfinished(stall, recording))
		figures->unfinished_ms = fmax(figures->unfinished_ms, duration_ms);
}

static void set_shares(struct diagnosis *diagnosis)
{
	double total_ms = 0;

	for (size_t i = 0; i < diagnosis->finding_count; i++)
		total_ms += diagnosis->findings[i].stall.total_ms;
	for (size_t i = 0; i < diagnosis->finding_count && total_ms > 0; i++)
		diagnosis->findings[i].culprit.share_of_kind =
			diagnosis->findings[i].stall.total_ms / total_ms;
}

/* Which stalls are judged in which way. */
struct parted {
	struct stall_set host, unseen, seen;
};

static void part_stalls(struct parted *ret, struct diagnosis *diagnosis,
	const struct identity *identity, struct recording *recording)
{
	struct jobs jobs;

	jobs_find(&jobs, recording);
	set_init(&ret->host, recording->stall_count, recording);
	set_init(&ret->unseen, recording->stall_count, recording);
	set_init(&ret->seen, recording->stall_count, recording);
	for (uint32_t i = 0; i < recording->stall_count; i++) {
		const struct stall *stall = &recording->stalls[i];
		struct cause_parts parts = {0};
		struct stall_set *set = &ret->unseen;

		if (stall->record.startup) {
			add_startup(&diagnosis->startup, stall, recording);
			continue;
		}
		if (jobs_has(&jobs, stall->loop))
			continue;
		cause_add(&parts, stall, &recording->samples[stall->first_sample]);
		if (cause_is_host(&parts, stall->record.duration_ns, recording->head.threshold_ns))
			set = &ret->host;
		else if (has_stack(stall, identity, recording))
			set = &ret->seen;
		set->stalls[set->count++] = i;
	}
}

int stall_findings(struct diagnosis *diagnosis, struct recording *recording)
{
	struct parted parted;
	struct identity identity;
	struct culprit_search search;
	struct stall_group *groups;
	struct verdict *verdicts;
	enum severity of_host;
	size_t count;

	identity_build(&identity, recording);
	culprit_search_init(&search, &identity, recording);
	part_stalls(&parted, diagnosis, &identity, recording);
	count = group_stalls(&groups, parted.seen.stalls, parted.seen.count, &identity, recording);
	verdicts = recording_alloc(recording, (count + 1) * sizeof(*verdicts));
	for (size_t i = 0; i < count; i++) {
		int error;

		verdicts[i].set = (struct stall_set){groups[i].stalls, groups[i].count};
		error = judge(&verdicts[i], &search);
		if (error)
			return error;
	}
	if (join_verdicts(verdicts, &count, &search))
		return -ENOMEM;
	/* On a starved host many functions look slow. */
	of_host = severity_lowered(severity_of_set(&parted.host, diagnosis, recording));
	if (of_host == SEVERITY_INFO && join_scattered(verdicts, &count, diagnosis, &search))
		return -ENOMEM;

	diagnosis->findings =
		recording_alloc(recording, (count + 2) * sizeof(*diagnosis->findings));
	for (size_t i = 0; i < count; i++)
		add_verdict(diagnosis, &verdicts[i], recording);
	add_unseen(diagnosis, &parted.unseen, recording);
	add_host(diagnosis, &parted.host, recording);
	set_shares(diagnosis);
	return 0;
}
