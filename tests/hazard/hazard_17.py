#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 17: what is initialised by the first sample, in the handler of the first signal."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Recording, check, preloaded, run_cases, run_program, work_folder

STARTS = 20


def first():
    """a signal opens main and the first turn is a stall already: sampled, and nothing is allocated there"""
    samples = 0
    with work_folder() as folder:
        for number in range(STARTS):
            path = folder / f"{number}.holter"
            done = run_program("17_first_signal", environment=preloaded(path, interval_ms=1))
            check(done.returncode == 0 and not done.stderr, f"start {number + 1}: status {done.returncode}: {done.stderr}")
            samples += len(Recording(path).samples)
    check(samples > 10 * STARTS, f"only {samples} samples in {STARTS} starts")
    return f"{samples} samples in {STARTS} starts"


def control():
    """the wrong design, unwinding in the handler, allocates there"""
    done = run_program("17_first_signal", "wrong")
    check(done.returncode == 1 and "allocations" in done.stderr, f"status {done.returncode}: {done.stderr}")


run_cases(first, control)
