#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 21: a wrapper that is not quite the call it stands in front of."""
import difflib
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import PROGRAMS, TOP, Recording, check, preloaded, run_cases, run_program, work_folder


def calls(environment):
    done = run_program("21_calls", environment=environment)
    check(done.returncode == 0 and not done.stderr, f"status {done.returncode}: {done.stderr}")
    return done.stdout.splitlines()


def differences(environment):
    return [line for line in difflib.unified_diff(calls({}), calls(environment), n=0, lineterm="")
            if not line.startswith(("---", "+++", "@@"))]


def same():
    """results, errno and what is written are those of a run without Holter: inert, recording, and standing aside"""
    with work_folder() as folder:
        path = folder / "calls.holter"
        wrong = differences(preloaded(path))
        check(not wrong, "\n".join(wrong))
        check(Recording(path).stalls, "Holter was not there")


def every():
    """every call that Holter stands in front of is tried"""
    listed = re.findall(r"^\tX\((\w+)\)", (TOP / "src/preload/real.h").read_text(), re.M)
    tried = {line.split("(")[0] for line in calls({})}
    check(listed, "src/preload/real.h has no list")
    check(not set(listed) - tried, f"not tried: {sorted(set(listed) - tried)}")
    return f"{len(listed)} calls"


def control():
    """the wrong design, wrappers that are almost right, shows"""
    wrong = "\n".join(differences({"LD_PRELOAD": str(PROGRAMS / "21_wrong_wrappers.so")}))
    check("time left" in wrong and "poll(" in wrong, f"differences: {wrong}")


run_cases(same, every, control)
