/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cause.h - where the wall time of stalls went.
 *
 * Tier C. Data: the figures of one stall or the sum of many -> shares, label.
 */
#pragma once

#include "finding.h"

/* Wall time of stalls of which a part was measured, divided without overlap: that part stands for
 * the whole. */
struct cause_parts {
	double measured_ns;
	double cpu_ns, gc_ns, blocked_ns, runqueue_ns, throttled_ns, page_fault_ns, congestion_ns;
};

/* Adds a stall's parts. Where nothing was measured, those of its samples (`samples`: the stall's
 * first) are taken. */
void cause_add(struct cause_parts *parts, const struct stall *stall, const struct sample *samples);
/*
 * Whether it was the host's doing: most of the time went by waiting for a CPU, and without that
 * wait the turn would not have lasted for `threshold_ns`.
 */
bool cause_is_host(const struct cause_parts *parts, uint64_t duration_ns, uint64_t threshold_ns);
/*
 * The label of what took most of the time: gc, throttled, page-fault, blocked, congestion or
 * on-cpu, in this order where equal. The wait for a CPU is not a function's cause and does not
 * compete, however long: a stall that the host only made longer keeps its own cause, and one that
 * was the host's doing is told by cause_is_host and has no need of a label.
 */
enum finding_cause cause_label(const struct cause_parts *parts);
/* What part of the measured time each cause has, in an array of CAUSES. */
void cause_shares(const struct cause_parts *parts, double *ret_shares);
