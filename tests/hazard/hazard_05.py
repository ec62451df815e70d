#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 5: static thread-local storage is scarce; a library that takes much of it stops others from loading."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import PROGRAMS, Recording, check, preloaded, run_cases, run_program, work_folder

MODULES, MODULE_BYTES, ALLOWED_BYTES = 60, 64, 128


def loadable(folder, environment):
    """How many libraries with static thread-local storage a program can load late; the finished program."""
    copies = [shutil.copy(PROGRAMS / "static_tls_module.so", folder / f"static_{i}.so") for i in range(MODULES)]
    return run_program("05_static_tls", *copies, environment=environment)


def reserve(audit):
    def run():
        extra = {"LD_AUDIT": str(PROGRAMS / "no_op_audit.so")} if audit else {}
        with work_folder() as folder:
            path = folder / "tls.holter"
            plain = loadable(folder, extra)
            observed = loadable(folder, {**extra, **preloaded(path)})
            check(plain.returncode == 0 and int(plain.stdout) < MODULES, f"without Holter: {plain}")
            check(observed.returncode == 0 and not observed.stderr, f"status {observed.returncode}: {observed.stderr}")
            lost = int(plain.stdout) - int(observed.stdout)
            check(lost * MODULE_BYTES <= ALLOWED_BYTES, f"{plain.stdout.strip()} libraries, {observed.stdout.strip()} with Holter")
            check(Recording(path).samples, "Holter took no sample")
            return f"{plain.stdout.strip()} libraries of {MODULE_BYTES} bytes without Holter, {observed.stdout.strip()} with it"

    run.__doc__ = ("under a no-op LD_AUDIT library the process starts, and " if audit else "") + "late libraries find their bytes"
    return run


def large():
    """a program with 300 KiB of its own, on every thread's stack, is recorded"""
    with work_folder() as folder:
        path = folder / "large.holter"
        done = run_program("05_large_tls", environment=preloaded(path))
        check(done.returncode == 0 and not done.stderr, f"status {done.returncode}: {done.stderr}")
        check(Recording(path).samples, "Holter took no sample")


def control():
    """the wrong design, a preload with 2,632 bytes, does not start under LD_AUDIT"""
    with work_folder() as folder:
        done = loadable(folder, {"LD_AUDIT": str(PROGRAMS / "no_op_audit.so"),
                                 "LD_PRELOAD": str(PROGRAMS / "greedy_tls_module.so")})
        check(done.returncode != 0 and "static TLS" in done.stderr, f"status {done.returncode}: {done.stderr}")


run_cases(reserve(False), reserve(True), large, control)
