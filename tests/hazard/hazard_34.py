#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 34: what probes cost where the machine is busiest.

There is no probe on a path that is hotter than a wait call or a switch of threads, and each ends at its first look-up where
the thread is nobody's. The kernel's own statistics tell what that costs.
"""
import ctypes
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from attaching import begin, is_recording, kill, wants_root
from bpf_objects import LIBC, SYS_BPF, of_process
from harness import PROGRAMS, Server, check, free_port, run_cases, work_folder

ENABLE_STATS = 32  # BPF_ENABLE_STATS, of run time (linux/bpf.h)
LIMIT_NS = 20000  # ten times what was measured, and a tenth of what a uprobe and its like have cost others
BYSTANDER = """
import select
poll, end = select.epoll(), __import__("time").monotonic() + 4
while __import__("time").monotonic() < end:
    for _ in range(1000):
        poll.poll(0)
"""


def costs():
    """a bystander's 100,000 waits a second cost no more than a look-up each"""
    wants_root()
    port, attributes = free_port(), ctypes.create_string_buffer(8)
    statistics = LIBC.syscall(SYS_BPF, ENABLE_STATS, attributes, 4)
    check(statistics >= 0, "the kernel keeps no statistics of programs")
    try:
        with work_folder() as folder, Server([PROGRAMS / "35_target", port], folder, port=port) as server:
            path = folder / "x.holter"
            tool = begin(server.process.pid, path, "30s", "--method", "ebpf")
            is_recording(path)
            before = time.monotonic()
            subprocess.run(["/usr/bin/python3", "-c", BYSTANDER], check=True)
            seconds = time.monotonic() - before
            programs = [(int(fields["run_cnt"]), int(fields["run_time_ns"])) for fields in of_process(tool.pid)
                        if "run_cnt" in fields]
            kill(tool)
    finally:
        os.close(statistics)
    hits, spent = sum(count for count, _ in programs), sum(ns for _, ns in programs)
    busiest = max(programs)
    check(busiest[0] > 20000, f"the bystander waited only {busiest[0]} times")
    check(busiest[1] / busiest[0] < LIMIT_NS, f"{busiest[1] / busiest[0]:.0f} ns at each wait of a bystander")
    return (f"{hits / seconds:.0f} hits a second, {spent / hits:.0f} ns each; "
            f"the busiest program {busiest[0]} times, {busiest[1] / busiest[0]:.0f} ns each")


run_cases(costs)
