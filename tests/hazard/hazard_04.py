#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 4: thread-local storage that is allocated at its first use, inside a handler."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import PROGRAMS, SOAK, Recording, check, preloaded, run_cases, run_program, work_folder

SECONDS = SOAK or 6
MODULES = 60


def first_uses():
    """threads make their first use of many late modules while they are sampled"""
    with work_folder() as folder:
        path = folder / "tls.holter"
        copies = [shutil.copy(PROGRAMS / "tls_module.so", folder / f"tls_module_{i}.so") for i in range(MODULES)]
        done = run_program("04_tls_modules", SECONDS, *copies, environment=preloaded(path), seconds=SECONDS + 60)
        check(done.returncode == 0, f"status {done.returncode}: {done.stderr}")
        samples = len(Recording(path).samples)
        check(samples > 20 * min(SECONDS, 20), f"only {samples} samples")
        return f"{done.stdout.strip()}, {samples} samples"


run_cases(first_uses)
