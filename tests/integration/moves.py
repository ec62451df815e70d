#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What changes under a process while it is recorded: its root, and the clock."""
import os
import pathlib
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import LIBRARY, PROGRAMS, Recording, Server, Skip, check, run_cases, work_folder

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
CALIBRATED_SECONDS = 5  # by then the clock's rate has been measured, and the slewing is over
SECONDS = 12


def moving(folder, *arguments, **more):
    environment = {"LD_PRELOAD": LIBRARY, "HOLTER_OUT": str(folder / "moves.holter"), **more}
    return Server([PROGRAMS / "moves", *arguments], folder, environment)


def seen(folder):
    """The stalls on purpose that have a stack; those without."""
    recording = Recording(folder / "moves.holter")
    named = {sample["stall"] for sample in recording.samples
             if any(frame.function == "stall_on_purpose" for frame in sample["frames"])}
    long = {stall["id"] for stall in recording.stalls if stall["ms"] > 100}
    return len(long & named), len(long - named)


def other_root():
    """a server that changes its root has stacks still"""
    if os.geteuid() != 0:
        raise Skip("changing the root needs root")
    with work_folder() as folder:
        (folder / "root").mkdir()
        with moving(folder, 6, folder / "root") as server:
            check(server.process.wait(30) == 0, server.printed())
        named, without = seen(folder)
        check(named >= 4 and without <= 1, f"{named} stalls with a stack, {without} without")


def thread_seconds(pid, name):
    """The CPU time of a thread."""
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().strip() == name:
            fields = (task / "stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND
    return 0


def slewed(rate, what):
    def run():
        with work_folder() as folder:
            with moving(folder, SECONDS, LD_PRELOAD=f"{LIBRARY} {PROGRAMS}/slewed_clock.so", SLEW=str(rate)) as server:
                time.sleep(CALIBRATED_SECONDS)
                spent = -thread_seconds(server.process.pid, "holter")
                time.sleep(5)
                spent += thread_seconds(server.process.pid, "holter")
                check(server.process.wait(30) == 0, server.printed())
            named, without = seen(folder)
        check(named >= SECONDS - 3 and without <= 1, f"{named} stalls with a stack, {without} without")
        check(spent < 0.5, f"Holter's thread took {spent} s of CPU in 5 s")
        return f"{named} stalls with a stack; {spent:.2f} s of CPU in 5 s"

    run.__doc__ = what
    return run


run_cases(other_root, slewed(0.9, "a clock that ran slow while Holter measured it: Holter sleeps and sees as ever"),
          slewed(1.1, "a clock that ran fast then"))
