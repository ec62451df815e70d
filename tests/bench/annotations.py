#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Nanoseconds that a pair of annotations takes, without Holter and with it (bench.py says how figures are made)."""
import subprocess

from bench import VARIANTS, alternate, environment, report
from harness import PROGRAMS, without_holter, work_folder

PAIRS = ("loop: a wait begins and ends", "pool: acquired and released", "pool: a wait begins and ends")


def measure(variant):
    with work_folder() as folder:
        done = subprocess.run([PROGRAMS / "annotations"], capture_output=True, text=True, check=True,
                              env={**without_holter(), **environment(variant, folder)})
    return [float(line) for line in done.stdout.split()]


values = alternate(7, measure)
for index, name in enumerate(PAIRS):
    report(name, {variant: [row[index] for row in values[variant]] for variant in VARIANTS}, "ns", difference=True)
