#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Threads that leave their event loop: what they do then is no turn of it."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import LIBRARY, Recording, check, run_cases, run_program, work_folder

STALL_MS = 150
LONGEST_MS = 700  # on a machine that has other things to do; who is away is so for 800 ms or more, or would be for ever


def leaving(manner, what):
    def run():
        with work_folder() as folder:
            path = folder / "leaves.holter"
            done = run_program("leaves", manner, environment={"LD_PRELOAD": LIBRARY, "HOLTER_OUT": str(path)})
            check(done.returncode == 0 and not done.stderr, f"status {done.returncode}: {done.stderr}")
            recording = Recording(path)
        on_purpose = {sample["stall"] for sample in recording.samples
                      if any(frame.function == "stall_on_purpose" for frame in sample["frames"])}
        stalls = [(stall["ms"], stall["id"] in on_purpose) for stall in recording.stalls]
        check([True for ms, meant in stalls if meant and STALL_MS <= ms < LONGEST_MS] == [True], f"the stall is not among {stalls}")
        check(max(stalls)[0] < LONGEST_MS, f"of {stalls} one is none")
        check(all(stall["ended"] for stall in recording.stalls), "a stall has not ended")

    run.__doc__ = what
    return run


run_cases(leaving("again", "an epoll that is closed, and a second later another of the same number"),
          leaving("polls", "an epoll that is closed, and a loop by poll after it"),
          leaving("inside", "a loop by epoll inside a turn of one by poll"))
