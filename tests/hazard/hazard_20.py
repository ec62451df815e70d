#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 20: other preloads, allocators above all, before us and behind us, and a module that looks past all of them.

Holter stands in front of no function of the heap, so there is no block that could be freed by the wrong one.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import LIBRARY, PROGRAMS, Recording, Skip, check, preloaded, run_cases, run_program, work_folder

LIBRARIES = {"jemalloc": "libjemalloc.so.2", "tcmalloc": "libtcmalloc.so.4"}
FOLDERS = ("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib")


def found(allocator):
    for folder in FOLDERS:
        path = os.path.join(folder, LIBRARIES[allocator])
        if os.path.exists(path):
            return path
    raise Skip(f"{LIBRARIES[allocator]} is not installed")


def observed(preload, *arguments):
    with work_folder() as folder:
        path = folder / "allocators.holter"
        done = run_program(*arguments, environment={**preloaded(path, interval_ms=1), "LD_PRELOAD": preload})
        check(done.returncode == 0 and not done.stderr, f"{preload}: status {done.returncode}: {done.stderr}")
        samples = Recording(path).samples
        check(len(samples) > 100, f"{preload}: only {len(samples)} samples")
        return done.stdout, samples


def orders(allocator):
    def run():
        other = found(allocator)
        for preload in (f"{LIBRARY} {other}", f"{other} {LIBRARY}"):
            _, samples = observed(preload, "20_heap", 1)
            inside = sum(any(frame.module.startswith(f"lib{allocator}") for frame in sample["frames"]) for sample in samples)
            check(inside > 10, f"{preload}: only {inside} samples inside {allocator}")

    run.__doc__ = f"{allocator} before us and behind us: memory goes to and fro between threads while it is sampled"
    return run


def deep():
    """a module that is loaded with RTLD_DEEPBIND shares memory with the program, and waits past our hooks"""
    for preload in (LIBRARY, f"{LIBRARY} {found('jemalloc')}"):
        observed(preload, "20_heap", 1, PROGRAMS / "20_deep_module.so")


run_cases(orders("jemalloc"), orders("tcmalloc"), deep)
