/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event.h - what a recording holds, as plain structures: the vocabulary that the writer (in the
 * server) and the reader (in the tool) share. Field meanings and units are those of holter.proto,
 * the specification; the enums have its numbers. A unit test compares the two.
 * Tier A: types only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	RECORD_FORMAT_VERSION = 1,
	RECORD_HEADER_BYTES = 24,
	RECORD_MESSAGE_MAX = 1 << 20,
	RECORD_STACK_MAX = 512, /* locations in one stack */
};

enum record_mode { MODE_UNKNOWN, MODE_PRELOAD, MODE_ATTACH };

enum frame_kind {
	FRAME_NATIVE,
	FRAME_JS_INTERPRETED,
	FRAME_JS_BASELINE,
	FRAME_JS_MAGLEV,
	FRAME_JS_TURBOFAN,
	FRAME_JS_BUILTIN,
	FRAME_JS_UNKNOWN,
	FRAME_PYTHON,
	FRAME_KERNEL,
	FRAME_TRUNCATED,
};

enum frame_doubt {
	DOUBT_NONE,
	DOUBT_NO_POSITION,
	DOUBT_NO_NAME,
	DOUBT_LINE_APPROXIMATE,
	DOUBT_BRIDGED,
	DOUBT_DEPTH,
};

enum wait_call { WAIT_UNKNOWN, WAIT_EPOLL, WAIT_POLL, WAIT_SELECT, WAIT_ANNOTATED };

enum loss_kind {
	LOSS_UNKNOWN,
	LOSS_SAMPLE_SLOT,
	LOSS_SAMPLE_TIMEOUT,
	LOSS_SAMPLE_STACK,
	LOSS_BLOCK_WRITE,
	LOSS_BLOCK_ROTATED,
	LOSS_LOOP,
	LOSS_EVENT,
	LOSS_EINTR_RACE,
	LOSS_INTERN,
	LOSS_POOL,
	LOSS_HOLD,
	LOSS_KINDS,
};

enum note_kind { NOTE_UNKNOWN, NOTE_STOOD_ASIDE, NOTE_LIMITED, NOTE_RESUMED };

struct record_head {
	const char *holter_version, *runtime, *program, *host, *kernel, *unwinder;
	uint32_t pid, cpus;
	enum record_mode mode;
	uint64_t start_ns, threshold_ns, interval_ns;
	int64_t utc_offset_ns;
};

struct record_mapping {
	uint64_t start, end, offset, bias;
	const char *path;
	uint8_t build_id[32];
	uint8_t build_id_length;
};

struct record_function {
	const char *name;      /* null or "": anonymous */
	const char *file;      /* null or "": unknown */
	uint32_t line, column; /* of the declaration; 0: unknown */
};

struct record_loop {
	uint32_t id, tid;
	const char *thread;
	enum wait_call wait;
	int32_t descriptor;
	uint64_t first_wait_ns, startup_end_ns;
};

struct record_turns {
	uint32_t loop;
	uint64_t from_ns, to_ns, count, busy_ns, longest_ns;
	uint64_t histogram_from_ns;
};

struct record_stall {
	uint64_t id;
	uint32_t loop;
	bool ended, startup;
	uint64_t begin_ns, duration_ns;
	uint64_t measured_ns, cpu_ns, runqueue_ns, gc_ns, throttled_ns;
	uint64_t minor_faults, major_faults;
	uint32_t samples, samples_missed;
	uint32_t ready;
	uint64_t io_calls, io_pause_ns;
	uint32_t holder; /* string id; 0: not known */
};

struct record_sample {
	uint64_t stall;
	uint32_t loop;
	uint64_t time_ns, weight_ns, cpu_ns;
	uint32_t stack;  /* id */
	int32_t syscall; /* number; -1: none */
	bool in_place;
	uint32_t on; /* string id; 0: not known */
};

struct record_pool {
	uint32_t id;
	const char *name;
	uint64_t begin_ns;
};

struct record_pool_state {
	uint32_t pool;
	uint64_t time_ns;
	uint32_t size, held, waiting;
	uint32_t held_most, waiting_most;
	uint64_t oldest_hold_ns, longest_hold_ns, longest_wait_ns;
	uint64_t acquisitions, hold_ns, waits, wait_ns;
};
