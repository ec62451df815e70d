#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 12: a stack too small for the frame of a signal."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Recording, check, holter, preloaded, run_cases, run_program, work_folder

HANDLER_BYTES = 4096  # what sampler.c counts on


def observed(manner):
    with work_folder() as folder:
        path = folder / "small.holter"
        done = run_program("12_small_stacks", manner, environment=preloaded(path))
        check(done.returncode == 0 and not done.stderr, f"status {done.returncode}: {done.stderr}")
        return done.stdout, Recording(path), holter("dump", path).stdout


def refused(manner, what):
    def run():
        _, recording, dump = observed(manner)
        check(recording.stalls, "no stall was recorded")
        check("little room for a signal" in dump, "the recording does not say why there are no samples")

    run.__doc__ = what
    return run


def roomy():
    """where there is an alternate stack with room, a sample takes the kernel's frame and at most 4 KiB more"""
    printed, recording, _ = observed("roomy")
    used, frame = map(int, printed.split())
    check(len(recording.samples) > 20, f"only {len(recording.samples)} samples")
    check(frame / 2 < used <= frame + HANDLER_BYTES, f"{used} bytes, {frame} of them the kernel's")
    return f"{used} bytes, at most {frame} of them the kernel's"


def control():
    """the wrong design, signals all the same, kills"""
    for manner in ("small", "alternate"):
        done = run_program("12_small_stacks", manner, "wrong")
        check(done.returncode < 0, f"{manner}: status {done.returncode}: {done.stderr}")


run_cases(refused("small", "a thread with 16 KiB that works at their very end is not signalled"),
          refused("alternate", "nor one whose alternate stack has the least size"), roomy, control)
