/* SPDX-License-Identifier: Apache-2.0 */
/*
 * summary.c - the one line that says what a finding is.
 *
 * Tier C. Data: struct finding -> text.
 */
#include "summary.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "stall.h"

static const double MS_PER_S = 1000;
static const double MINUTE_STANDS_OUT = 3; /* times the whole recording's share */

static const char *written(struct recording *recording, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static const char *written(struct recording *recording, const char *format, ...)
{
	va_list arguments;
	char *text, *kept;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0)
		return "";
	kept = recording_text(recording, text, (size_t)length);
	free(text);
	return kept;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* "hashPassword (server.js:8)", or with the module where there is no file. */
static const char *blamed(const struct culprit *culprit, struct recording *recording)
{
	if (culprit->file[0] != '\0' && culprit->line > 0)
		return written(recording, "%s (%s:%u)", culprit->function, base_name(culprit->file),
			culprit->line);
	if (culprit->file[0] != '\0')
		return written(recording, "%s (%s)", culprit->function, base_name(culprit->file));
	if (culprit->module && !strstr(culprit->function, base_name(culprit->module)))
		return written(recording, "%s (%s)", culprit->function, base_name(culprit->module));
	return culprit->function;
}

static const char *percent(double share, struct recording *recording)
{
	int digits = share >= 0.0995 ? 0 : share >= 0.00995 ? 1 : 2;

	return written(recording, "%.*f %%", digits, share * 100);
}

/* "for 1.20 s, once", "31 % of the time". */
static const char *how_long(const struct stall_figures *figures, struct recording *recording)
{
	const char *least = figures->since_attach ? "at least " : "";

	if (figures->count > 1 && figures->minute_share > MINUTE_STANDS_OUT * figures->lost_share)
		return written(recording, "%s of the time, and %s of its worst minute",
			percent(figures->lost_share, recording),
			percent(figures->minute_share, recording));
	if (figures->count > 1)
		return written(
			recording, "%s of the time", percent(figures->lost_share, recording));
	if (figures->unfinished_ms > 0)
		return written(recording, "for %s%.1f s and still held it when the recording ended",
			least, figures->max_ms / MS_PER_S);
	if (figures->max_ms < MS_PER_S)
		return written(recording, "once, for %s%.0f ms", least, figures->max_ms);
	return written(recording, "once, for %s%.1f s", least, figures->max_ms / MS_PER_S);
}

/* What held the loop, where that was no function. */
static const char *summary_of_cause(
	const struct finding *finding, const char *how, struct recording *recording)
{
	const struct stall_figures *stall = &finding->stall;

	switch (finding->cause) {
	case CAUSE_BLOCKED:
		if (stall->on == stall_interpreter_lock)
			return written(recording,
				"another thread had the interpreter's lock, and held the event "
				"loop %s",
				how);
		return written(recording,
			"sleep%s%s%s%s held the event loop %s, by no single function",
			stall->syscall ? " in " : "", stall->syscall ? stall->syscall : "",
			stall->on ? " on " : "", stall->on ? stall->on : "", how);
	case CAUSE_GC:
		return written(recording,
			"garbage collection held the event loop %s, by no single function", how);
	case CAUSE_THROTTLED:
		return written(recording,
			"the CPU quota held the event loop %s, by no single function", how);
	case CAUSE_PAGE_FAULT:
		return written(recording,
			"waits for memory to be read in held the event loop %s, by no single "
			"function",
			how);
	case CAUSE_UNKNOWN:
	case CAUSE_ON_CPU:
	case CAUSE_RUNQUEUE:
	case CAUSE_CONGESTION:
	case CAUSES:
		break;
	}
	return written(recording, "the event loop was held %s, by no single function", how);
}

const char *summary_of_culprit(const struct finding *finding, struct recording *recording)
{
	const char *how = how_long(&finding->stall, recording);
	const char *who;

	if (!finding->has_culprit && finding->cause != CAUSE_CONGESTION)
		return summary_of_cause(finding, how, recording);
	who = finding->has_culprit ? blamed(&finding->culprit, recording) : "";
	switch (finding->cause) {
	case CAUSE_BLOCKED:
		if (finding->stall.syscall)
			return written(recording, "%s slept in %s%s%s and held the event loop %s",
				who, finding->stall.syscall, finding->stall.on ? " on " : "",
				finding->stall.on ? finding->stall.on : "", how);
		return written(recording, "%s slept and held the event loop %s", who, how);
	case CAUSE_GC:
		/* The collector's own functions are nothing to look for. */
		if (finding->culprit.frame_class == CLASS_NATIVE_LIBRARY)
			return written(recording, "garbage collection held the event loop %s", how);
		return written(
			recording, "garbage collection in %s held the event loop %s", who, how);
	case CAUSE_THROTTLED:
		return written(recording, "%s ran into the CPU quota and held the event loop %s",
			who, how);
	case CAUSE_PAGE_FAULT:
		return written(recording,
			"%s waited for memory to be read in and held the event loop %s", who, how);
	case CAUSE_CONGESTION:
		return written(recording,
			"many callbacks, none of them long, held the event loop %s", how);
	case CAUSE_UNKNOWN:
	case CAUSE_ON_CPU:
	case CAUSE_RUNQUEUE:
	case CAUSES:
		break;
	}
	return written(recording, "%s held the event loop %s", who, how);
}

const char *summary_of_unseen(const struct finding *finding, struct recording *recording)
{
	return written(recording, "something held the event loop %s: no stack was taken",
		how_long(&finding->stall, recording));
}

const char *summary_of_host(const struct finding *finding, struct recording *recording)
{
	const char *who = finding->stall.on, *how = how_long(&finding->stall, recording);

	return written(recording,
		"the host gave the event loop no CPU %s%s%s: no function is to blame", how,
		who ? ", and mostly gave it to " : "", who ? who : "");
}
