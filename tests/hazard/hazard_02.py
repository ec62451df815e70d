#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazards 2 and 22: hidden descriptors that write into what the server opened in their place."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import SOAK, check, preloaded, run_cases, run_program, work_folder

SECONDS = SOAK or 8


def echo():
    """after closefrom(3), sockets take every number that was open; the echo is exact and the rest is silent"""
    with work_folder() as folder:
        done = run_program("02_descriptors", SECONDS, environment=preloaded(folder / "echo.holter"), seconds=SECONDS + 60)
        check(done.returncode == 0, f"status {done.returncode}: {done.stderr}")
        return done.stdout.strip()


def control():
    """the wrong design, an unwinder with a pipe of its own, writes into foreign descriptors"""
    done = run_program("02_descriptors", 5, "wrong")
    check(done.returncode == 1 and "foreign bytes" in done.stderr, f"status {done.returncode}: {done.stderr}")


run_cases(echo, control)
