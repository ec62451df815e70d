#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 11: signals of Holter's number that others send, again and again, into the handler too."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import check, holter, preloaded, run_cases, run_program, work_folder


def flood():
    """50,000 a second from another process: no call is interrupted or late, and Holter gives the number up"""
    with work_folder() as folder:
        path = folder / "flood.holter"
        done = run_program("11_flood", environment=preloaded(path, interval_ms=1))
        check(done.returncode == 0 and not done.stderr, f"status {done.returncode}: {done.stderr}")
        check("signal has another use" in holter("dump", path).stdout, "the recording does not say so")


def control():
    """the wrong design, a handler that leaves foreign signals alone, interrupts the server's calls"""
    done = run_program("11_flood", "wrong")
    check(done.returncode == 1 and "Interrupted" in done.stderr, f"status {done.returncode}: {done.stderr}")


run_cases(flood, control)
