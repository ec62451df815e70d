#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 18: a signal that arrives when the library, the thread or the process is already going."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import LIBRARY, SOAK, check, preloaded, run_cases, run_program, work_folder

TIMES = int(SOAK / 2) or 15
STATUS = 7


def ending(manner, what):
    def run():
        with work_folder() as folder:
            for number in range(TIMES):
                done = run_program("18_exits", manner, environment=preloaded(folder / f"{number}.holter", interval_ms=1))
                check(done.returncode == STATUS and not done.stderr,
                      f"run {number + 1}: status {done.returncode}: {done.stderr}")

    run.__doc__ = f"{what}: {TIMES} times in a stall, the status is the program's own"
    return run


def unloaded():
    """loaded late and unloaded again and again by the program, then the end"""
    with work_folder() as folder:
        environment = preloaded(folder / "late.holter", interval_ms=1)
        del environment["LD_PRELOAD"]
        done = run_program("18_exits", "unload", LIBRARY, environment=environment)
        check(done.returncode == STATUS and not done.stderr, f"status {done.returncode}: {done.stderr}")


run_cases(ending("return", "return from main"), ending("exit", "exit"), ending("_exit", "_exit"),
          ending("quick_exit", "quick_exit"), ending("slow-handlers", "exit handlers that are stalls themselves"),
          ending("other-thread", "exit by another thread"), ending("pthread_exit", "the loop's thread ends first"),
          ending("threads", "many loop threads end"), ending("exec", "exec"), unloaded)
