/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limit.h - what Holter cannot see, or does not do: the one list. `holter doctor` takes the advice
 * of its checks from it and says which of it applies; LIMITS.md is printed from it. A new limit is
 * one word here and one row in limit.c; if it can be found out whether it applies, a check names
 * it (doctor.h).
 *
 * Tier C. Data: the table in limit.c, nothing else.
 */
#pragma once

#include <stddef.h>

/* The ways of observing a process; a set of them is a mask. */
enum mode {
	MODE_PRELOADING = 1 << 0, /* libholter.so is in it: holter run, LD_PRELOAD */
	MODE_PROBES = 1 << 1,     /* eBPF: holter attach */
	MODE_POLLING = 1 << 2,    /* /proc and process_vm_readv: holter attach --method=poll */
	MODES_ATTACHING = MODE_PROBES | MODE_POLLING,
	MODES_ALL = MODE_PRELOADING | MODES_ATTACHING,
};

enum limit_id {
	/* Programs that cannot be preloaded. */
	LIMIT_STATIC,
	LIMIT_MUSL,
	LIMIT_FOREIGN,
	LIMIT_PRIVILEGED,
	LIMIT_NOT_PRELOADED,
	LIMIT_KEPT_OUT,
	/* Waits and loops that are not seen. */
	LIMIT_NO_LOOP,
	LIMIT_IO_URING,
	LIMIT_RAW_CALLS,
	LIMIT_GO,
	LIMIT_DEEPBIND,
	LIMIT_OTHER_PROCESSES,
	LIMIT_HELPERS,
	LIMIT_SHORT_LIVES,
	LIMIT_RAW_CHILDREN,
	LIMIT_MANY_LOOPS,
	LIMIT_START_UP,
	/* Stacks that are not taken. */
	LIMIT_SHORT_STALLS,
	LIMIT_DEEP_STACKS,
	LIMIT_SIGNALS_TAKEN,
	LIMIT_SIGNAL_BLOCKED,
	LIMIT_SMALL_STACKS,
	LIMIT_FILTER,
	LIMIT_LATE_FILTER,
	LIMIT_DROPPED_ROOT,
	LIMIT_OTHER_TOOLS,
	LIMIT_DEBUGGER,
	/* Names that are not known. */
	LIMIT_RUNTIME,
	LIMIT_MEMORY,
	LIMIT_UNWINDER,
	LIMIT_JIT,
	LIMIT_STRIPPED,
	LIMIT_REPLACED,
	LIMIT_OTHER_FILES,
	/* Causes that are not known. */
	LIMIT_THROTTLING,
	LIMIT_STALLS_ONLY,
	/* Interference. */
	LIMIT_EINTR,
	/* Attaching. */
	LIMIT_BEFORE,
	LIMIT_KERNEL,
	LIMIT_UNTRIED_KERNEL,
	LIMIT_POLLS_BESIDE,
	LIMIT_NO_BTF,
	LIMIT_NO_BPF,
	LIMIT_NO_PERF,
	LIMIT_NO_TRACEFS,
	LIMIT_LOCKDOWN,
	LIMIT_USER_NAMESPACE,
	LIMIT_NO_ACCESS,
	LIMIT_HIDDEN,
	LIMIT_POLLING,
	LIMITS,
	LIMIT_NONE = LIMITS,
};

struct limit {
	const char *name;    /* short, of small letters and dashes */
	unsigned modes;      /* those that it concerns */
	const char *what;    /* is not seen, or not done; a sentence */
	const char *why;     /* a sentence */
	const char *instead; /* what to do; a sentence without its full stop, as advice is */
	const char *check;   /* the check that tells whether it applies; null: it always does */
};

extern const struct limit limits[LIMITS];

/* "preload", "attach", "both", …: the modes of a mask in words. Static. */
const char *limit_modes(unsigned modes);
