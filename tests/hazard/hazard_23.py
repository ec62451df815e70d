#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 23: a filter that kills for system calls which the server itself does not make."""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Recording, check, holter, preloaded, run_cases, run_program, work_folder


def filtered(way, what):
    def run():
        with work_folder() as folder:
            path = folder / "filter.holter"
            done = run_program("23_filter", way, environment=preloaded(path))
            check(done.returncode == 0 and not done.stderr, f"status {done.returncode}: {done.stderr}")
            check(Recording(path).samples, "nothing was recorded before the filter")
            check("restricts its system calls" in holter("dump", path).stdout, "the recording does not say why it ends")

    run.__doc__ = f"{what}: Holter has made its last call before, and the server lives and forks"
    return run


def probe():
    """who only asks whether there is seccomp is recorded on"""
    with work_folder() as folder:
        path = folder / "probe.holter"
        done = run_program("23_filter", "probe", environment=preloaded(path))
        check(done.returncode == 0 and not done.stderr, f"status {done.returncode}: {done.stderr}")
        check("restricts its system calls" not in holter("dump", path).stdout, "Holter has stood aside")
        check(len(Recording(path).stalls) >= 30, f"{len(Recording(path).stalls)} of 30 stalls")


def control():
    """the wrong design, going on, kills"""
    with work_folder() as folder:
        done = run_program("23_filter", "unnoticed", environment=preloaded(folder / "filter.holter"))
        check(done.returncode == -signal.SIGSYS, f"status {done.returncode}: {done.stderr}")


run_cases(filtered("prctl", "a filter by prctl"), filtered("seccomp", "a filter by seccomp on all threads"), probe, control)
