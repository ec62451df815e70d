#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 1: a handler that takes a lock of the loader or of the heap stands still for ever."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import PROGRAMS, SOAK, Recording, check, preloaded, run_cases, run_program, work_folder

SECONDS = SOAK or 10


def storm():
    """libraries come and go and memory is allocated while both threads are sampled: nothing stands still"""
    with work_folder() as folder:
        path = folder / "storm.holter"
        done = run_program("01_loader_storm", SECONDS, environment=preloaded(path), seconds=SECONDS + 60)
        check(done.returncode == 0, f"status {done.returncode}: {done.stderr}")
        recording = Recording(path)
        in_loader = sum(any(frame.module.startswith("ld-linux") for frame in sample["frames"])
                        for sample in recording.samples)
        # Eager sampling of two loops: a few thousand stacks. Far fewer, and the storm was none.
        check(len(recording.samples) > 50 * min(SECONDS, 20), f"only {len(recording.samples)} samples")
        check(in_loader > 10 * min(SECONDS, 20), f"only {in_loader} samples inside the loader")
        return f"{done.stdout.strip()}, {len(recording.samples)} samples, {in_loader} of them inside the loader"


def constructor():
    """a library's constructor starts a loop and waits for its turns: the loop needs no lock of the loader's"""
    with work_folder() as folder:
        path = folder / "constructor.holter"
        done = run_program("18_exits", "unload", PROGRAMS / "01_constructor.so", environment=preloaded(path), seconds=30)
        check(done.returncode == 7 and not done.stderr, f"status {done.returncode}: {done.stderr}")


def control():
    """the wrong design, unwinding in the handler, deadlocks"""
    done = run_program("01_loader_storm", 60, "wrong", seconds=120)
    check(done.returncode == 1 and "deadlock" in done.stderr, f"status {done.returncode}: {done.stdout}{done.stderr}")


run_cases(storm, constructor, control)
