#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 22: a descriptor of ours among the server's (what happens when it is closed and reused: hazard 2)."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Recording, Skip, check, preloaded, run_cases, run_program, work_folder

TURNS = 10  # before all descriptors are closed, and as many after it
STALL_MS = 40
UNSHARED_SINCE = (5, 9)


def numbers():
    """with no descriptor number left Holter records, the process has its own and no others, and closing them all harms nothing"""
    if tuple(map(int, os.uname().release.split(".")[:2])) < UNSHARED_SINCE:
        raise Skip("before Linux 5.9 the recording's descriptor is a high one of the server's")
    with work_folder() as folder:
        path = folder / "numbers.holter"
        done = run_program("22_numbers", environment=preloaded(path))
        check(done.returncode == 0 and not done.stderr, f"status {done.returncode}: {done.stderr}")
        recording = Recording(path)
        ended = sum(stall["ended"] and stall["ms"] >= STALL_MS for stall in recording.stalls)  # shorter ones are the machine's
        check(ended == 2 * TURNS, f"{ended} stalls of {2 * TURNS} were recorded")
        return f"{len(recording.samples)} samples"


def control():
    """the wrong design, a file in the server's table, shows"""
    done = run_program("22_numbers", "wrong")
    check(done.returncode == 1 and "not the program's" in done.stderr, f"status {done.returncode}: {done.stderr}")


run_cases(numbers, control)
