#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 7: frames that lead out of the stack, in circles, or into a page that may not be read."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Recording, check, preloaded, run_cases, run_program, work_folder


def astray():
    """hand-made frames, some on a stack that ends at a forbidden page: sampled, and nothing faults"""
    with work_folder() as folder:
        path = folder / "astray.holter"
        done = run_program("07_frames", environment=preloaded(path))
        check(done.returncode == 0 and not done.stderr, f"status {done.returncode}: {done.stderr}")
        samples = Recording(path).samples
        names = {frame.function for sample in samples for frame in sample["frames"][:1]}
        check({"burn_with_frame", "burn_on_stack"} <= names, f"sampled in {names}")
        return f"{len(samples)} samples"


def edge(manner, what):
    def run():
        with work_folder() as folder:
            path = folder / "edge.holter"
            done = run_program("07_edges", manner, environment=preloaded(path))
            check(done.returncode == 0 and not done.stderr, f"status {done.returncode}: {done.stderr}")
            samples = Recording(path).samples
            check(len(samples) > 10, f"only {len(samples)} samples")

    run.__doc__ = what
    return run


def control():
    """the wrong design, following rbp as it is, faults"""
    done = run_program("07_frames", "wrong")
    check(done.returncode < 0, f"status {done.returncode}")


run_cases(astray, edge("stack", "memory behind a thread's stack, in one mapping with it, goes while samples are taken"),
          edge("code", "code at the beginning of a page, with nothing before it"), control)
