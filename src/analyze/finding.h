/* SPDX-License-Identifier: Apache-2.0 */
/*
 * finding.h - what the analysis says: diagnosed problems, worst first. The model behind `holter
 * diagnose` and its JSON; renderers read it and nothing else.
 *
 * Tier C. Data: struct recording -> struct diagnosis -> src/render.
 */
#pragma once

#include "recording.h"

enum finding_kind { FINDING_STALL, FINDING_HEAP_GROWTH, FINDING_POOL_EXHAUSTION };

enum finding_cause {
	CAUSE_UNKNOWN,
	CAUSE_ON_CPU,
	CAUSE_GC,
	CAUSE_BLOCKED,
	CAUSE_RUNQUEUE,
	CAUSE_THROTTLED,
	CAUSE_PAGE_FAULT,
	CAUSE_CONGESTION,
	CAUSES,
};

enum severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_CRITICAL };
enum frame_class { CLASS_APPLICATION, CLASS_DEPENDENCY, CLASS_RUNTIME, CLASS_NATIVE_LIBRARY };
enum basis { BASIS_SYNC, BASIS_AWAIT_CHAIN, BASIS_OPENER };

struct culprit {
	const char *function; /* as frame_name shows it: never empty */
	const char *file;     /* "" unknown */
	const char *module;   /* path of the native module; null for a script's function */
	uint32_t line, column, function_line;
	const struct generated *generated; /* null, or where the line stands in the code that ran */
	enum frame_class frame_class;
	enum basis basis;
	double share;              /* of the finding's own weight */
	double share_of_kind;      /* of all findings of its kind */
	const struct stack *stack; /* the heaviest stack that holds it; frames before `depth` were
				      called by it */
	size_t depth;              /* index of the culprit in that stack */
};

struct stall_figures {
	uint64_t count;
	double total_ms, max_ms, p50_ms, p99_ms;
	double lost_share;     /* of the observed time */
	double minute_share;   /* of the worst minute; 0 in a recording of less than one */
	const char *syscall;   /* null unless blocked */
	const char *on;        /* the file, peer or lock that it was blocked on; of runqueue, who
				* had the CPU; null: not known */
	double shares[CAUSES]; /* of the watched time, by cause; together 1, or all 0 */
	double unfinished_ms;  /* the longest that had not ended when the process vanished; 0: none
				*/
	bool since_attach; /* one was going on when watching began: it lasted at least as long as is
			      said */
	uint64_t samples;
};

struct finding {
	unsigned id;
	enum finding_kind kind;
	enum finding_cause cause;
	enum severity severity;
	double confidence;   /* 0..1 */
	unsigned because_of; /* id; 0: none */
	const char *summary; /* one line */
	bool has_culprit;
	struct culprit culprit;
	const struct loop *loop; /* null: none */
	struct stall_figures stall;
};

struct loop_figures {
	const struct loop *loop;
	uint64_t turns;
	double utilisation;    /* busy share of the observed time */
	double p50_ms, p99_ms; /* NAN if the recording ended before it had a histogram */
	double max_ms;
	double unfinished_ms; /* the longest turn that had not ended; 0: none. Not in the others. */
};

/* Long turns before the process served anybody: shown, never a finding. */
struct startup_figures {
	uint64_t turns;
	double total_ms, max_ms;
	double unfinished_ms; /* the longest that had not ended; 0: none */
};

struct diagnosis {
	struct recording *recording;
	double seconds;
	struct startup_figures startup;
	struct finding *findings; /* worst first */
	size_t finding_count;
	/* The main thread's first, then by name, of one name the longest turn first. */
	struct loop_figures *loops;
	size_t loop_count;
	const char **not_observed; /* what the recording cannot say, one line each */
	size_t not_observed_count;
};

/* Analyses a named recording (src/symbol). Everything is owned by the recording's pool. Returns 0
 * or a negative errno. */
int diagnose(struct diagnosis *ret, struct recording *recording);

/* Whether it is the process's first thread. */
bool loop_is_main(const struct loop *loop, const struct recording *recording);
const char *finding_kind_name(enum finding_kind kind);    /* "stall", "heap-growth", … */
const char *finding_cause_name(enum finding_cause cause); /* "on-cpu", … */
const char *severity_name(enum severity severity);

/*
 * Whose code a frame is. Native application code is the main executable and what does not lie in
 * the system's library folders, less what a language's library or a package left there (origin.h);
 * the executable of a language runtime is a native library. A script's code of no file, made at
 * run time, counts as a dependency's.
 */
enum frame_class frame_class(const struct frame *frame, struct recording *recording);
/* Whether a frame is the language runtime's own machine code, or a builtin of it. */
bool frame_is_engine(const struct frame *frame, const struct recording *recording);
/* Whether a frame is a script's (JavaScript, Python), and whether its function has a name. */
bool frame_is_script(const struct frame *frame);
bool frame_is_named(const struct frame *frame);
/*
 * What to call a frame: the function's name, "<anonymous>", "module+0xoffset", or a phrase in
 * brackets; never empty. Owned by the recording.
 */
const char *frame_name(const struct frame *frame, struct recording *recording);
/* The file of a frame's function, "" if unknown; the path of a native frame's module, null if it
 * has none. */
const char *frame_file(const struct frame *frame);
const char *frame_module(const struct frame *frame);
/* A native frame's address as its ELF file counts it. */
uint64_t frame_offset(const struct frame *frame);
