#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 6: a signal that arrives while a C++ exception is on its way.

There is no control: what deadlocked here, dl_iterate_phdr's lock, is no longer taken by a throw since glibc 2.35.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import SOAK, Recording, check, preloaded, run_cases, run_program, work_folder

SECONDS = SOAK or 6


def storm():
    """each exception arrives, although many are interrupted in the unwinder"""
    with work_folder() as folder:
        path = folder / "throws.holter"
        done = run_program("06_throws", SECONDS, environment=preloaded(path, interval_ms=1), seconds=SECONDS + 60)
        check(done.returncode == 0 and not done.stderr, f"status {done.returncode}: {done.stderr}")
        samples = Recording(path).samples
        in_flight = sum(sample["frames"][0].module.startswith("libgcc_s") for sample in samples if sample["frames"])
        check(in_flight > 50 * min(SECONDS, 6), f"{in_flight} of {len(samples)} samples in the unwinder")
        return f"{done.stdout.strip()}, {in_flight} of {len(samples)} samples in the unwinder"


run_cases(storm)
