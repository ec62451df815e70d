#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 9: an interruption by our signal that the server sees."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import debian
from harness import PROGRAMS, SOAK, Recording, check, preloaded, run_cases, run_program, without_holter, work_folder

ROUNDS = int(SOAK / 2) or 5
RAW_ALLOWED = 0.05  # of the calls made through syscall(2), under samples every 2 ms: a published limit


def counted(done):
    """name -> (raw, calls, interrupted, early), as the program counted them."""
    check(done.returncode == 0, f"status {done.returncode}: {done.stderr}")
    rows = [line.split() for line in done.stdout.splitlines()]
    return {name: (kind == "raw", *map(int, counts)) for name, kind, *counts in rows}


def ledger(rounds, environment):
    return counted(run_program("09_eintr", rounds, environment=environment, seconds=60 + 5 * rounds))


def other_ledger(rounds, environment):
    """The same on the C library of Debian 13, which makes its calls in another way (2.41)."""
    environment = {**without_holter(), **environment}
    return counted(subprocess.run([*debian.command("trixie", environment.pop("LD_PRELOAD")), PROGRAMS / "09_eintr", str(rounds)],
                                  capture_output=True, text=True, timeout=60 + 5 * rounds, env=environment))


def none_seen(run_ledger):
    with work_folder() as folder:
        path = folder / "eintr.holter"
        rows = run_ledger(ROUNDS, preloaded(path))
        recording = Recording(path)
        check(len(recording.samples) > 10 * len(rows), f"only {len(recording.samples)} samples")
    wrong = {name: row[1:] for name, row in rows.items() if not row[0] and (row[2] or row[3])}
    check(not wrong, f"calls, interrupted, early: {wrong}")
    raw = [row for row in rows.values() if row[0]]
    calls, interrupted = sum(row[1] for row in raw), sum(row[2] for row in raw)
    which = {name: row[2] for name, row in rows.items() if row[2]}
    check(interrupted <= RAW_ALLOWED * calls, f"{interrupted} of {calls} calls through syscall(2) were interrupted: {which}")
    return f"{len(recording.samples)} samples; calls through syscall(2): {interrupted} of {calls} interrupted"


def observed():
    """every call in a sampled stall lasts as long as it should and ends as it would alone"""
    return none_seen(ledger)


def debian_13():
    """the same on glibc 2.41"""
    return none_seen(other_ledger)


def control():
    """the wrong design, signals whatever the thread does, shows in the ledger"""
    rows = ledger(1, {"LD_PRELOAD": str(PROGRAMS / "blind_signals.so")})
    seen = [name for name, row in rows.items() if row[2]]
    check(len(seen) >= 15, f"only {seen} were interrupted")


run_cases(observed, debian_13, control)
