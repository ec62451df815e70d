#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 30: the kernel itself falls over a probe.

Linux 6.13 and later give programs that use 64 bytes of stack or more a stack of their own, one a CPU. A uprobe's program
may be preempted there, and the next one on that CPU writes into the same stack: panics were reported under load. Programs
of the types here run where nothing preempts them (with the run queue locked, in an interrupt, or with preemption off, as
perf's tracepoints do) or are passed over while one is at work on that CPU (BTF tracepoints). So the shape that fell
over is avoided as long as there is none of type kprobe, which is a uprobe's, and none that may sleep.
"""
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from attaching import begin, is_recording, kill, wants_root
from bpf_objects import of_process
from harness import PROGRAMS, Server, check, free_port, program, run_cases, work_folder

TYPES = {5: "tracepoint", 7: "perf event", 26: "tracing"}  # enum bpf_prog_type
STACK_BYTES = 256  # of the 512 that there are: the kernel's own stack below them is not ours alone


def shape():
    """no program of a type that may be preempted, no calls between programs, little stack"""
    wants_root()
    bpftool, port, seen = program("bpftool"), free_port(), {}
    with work_folder() as folder, Server([PROGRAMS / "35_target", port], folder, port=port) as server:
        path = folder / "x.holter"
        tool = begin(server.process.pid, path, "30s", "--method", "ebpf", "--children")
        is_recording(path)
        loaded = [fields for fields in of_process(tool.pid) if "prog_id" in fields and "prog_type" in fields]
        for fields in loaded:
            kind, number = int(fields["prog_type"]), fields["prog_id"]
            check(kind in TYPES, f"a program of type {kind}")
            code = subprocess.run([bpftool, "prog", "dump", "xlated", "id", number], capture_output=True, text=True).stdout
            check("exit" in code, f"the code of program {number} cannot be read")
            check(not re.search(r"call pc|tail_call|call sub", code), f"program {number} calls another")
            stack = max((int(depth) for depth in re.findall(r"r10 -(\d+)\)", code)), default=0)
            stack = max([stack, *(int(depth) for depth in re.findall(r"r\d\) \+= -(\d+)|r\d \+= -(\d+)", code) for depth in depth
                                  if depth)])
            check(stack <= STACK_BYTES, f"program {number} uses {stack} bytes of stack")
            seen[number] = stack
        kill(tool)
    check(len(seen) == 11, f"{len(seen)} programs, and not 11: {seen}")
    return f"{len(seen)} programs; stacks of {min(seen.values())} to {max(seen.values())} bytes"


def complaints():
    """What the kernel has done since it booted: died (1 << 7) or warned (1 << 9) (admin-guide/tainted-kernels)."""
    with open("/proc/sys/kernel/tainted") as tainted:
        return int(tainted.read()) & (1 << 7 | 1 << 9)


def held_up():
    """many samples of threads that compute, switch and end on every CPU: the kernel stands"""
    wants_root()
    cpus, before = os.sysconf("SC_NPROCESSORS_ONLN"), complaints()
    with work_folder() as folder:
        servers, tools = [], []
        try:
            for i in range(2 * cpus):
                own = folder / str(i)
                own.mkdir()
                port = free_port()
                servers.append(Server([PROGRAMS / "35_target", port, "clock"], own, port=port))
                path = own / "x.holter"
                tools.append(begin(servers[-1].process.pid, path, "30s", "--threshold", "1", "--interval", "1"))
                is_recording(path)
            time.sleep(8)
            check(all(tool.poll() is None for tool in tools), "a tool has ended")
        finally:
            for tool in tools:
                kill(tool)
            for server in servers:
                server.stop()
    check(not complaints() & ~before, f"the kernel has warned or died: {complaints():#x}, and before {before:#x}")


run_cases(shape, held_up)
