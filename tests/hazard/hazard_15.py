#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 15: a child that shares its parent's memory, or came without fork(3), and writes Holter's state."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Recording, check, preloaded, run_cases, run_program, work_folder

TURNS = 40


def run(which):
    """The recordings that came of it."""
    with work_folder() as folder:
        done = run_program("15_spawns", which, environment=preloaded(folder / "x.holter", interval_ms=1))
        check(done.returncode == 0 and not done.stderr, f"status {done.returncode}: {done.stderr}")
        return [Recording(path) for path in folder.iterdir()]


def inert():
    """a child in its parent's memory does not make a server of the parent"""
    check(not run("inert"), "there is a recording")


def server():
    """in a server: each child ends at once with its own status, and all of the parent's stalls are recorded"""
    recordings = run("server")
    check(len(recordings) == 1, f"{len(recordings)} recordings")
    ended = sum(stall["ended"] for stall in recordings[0].stalls)
    check(ended >= TURNS, f"{ended} stalls of {TURNS} were recorded")


def control():
    """a child of fork(3) that does the same is recorded"""
    check(len(run("fork")) == 1, "there is no recording")


run_cases(inert, server, control)
