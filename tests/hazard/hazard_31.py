#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazards 31 to 33: probes in a program's text, and what becomes of them when attaching fails.

A uprobe with stack sampling has panicked kernels (31), so has the way by tracefs that is taken when another one fails (32),
and a uretprobe kills programs written in Go (33). There is none of it: nothing is ever put into a program's text.
"""
import os
import pathlib
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from attaching import begin, finish, wants_root
from harness import PROGRAMS, Server, Skip, check, free_port, program, run_cases, work_folder

CALLS = "perf_event_open,bpf,open,openat,openat2,creat"
EVENTS = {"ebpf": {"PERF_TYPE_SOFTWARE", "PERF_TYPE_TRACEPOINT"},
          "poll": {"PERF_TYPE_SOFTWARE", "PERF_TYPE_BREAKPOINT"}}  # a debug register of the thread, not of its text
PROGRAM_TYPES = {"TRACEPOINT", "PERF_EVENT", "TRACING", "SOCKET_FILTER"}  # the last is libbpf's trial of the kernel
ATTACH_TYPES = {"BPF_PERF_EVENT", "BPF_TRACE_ITER", "BPF_TRACE_RAW_TP", "BPF_CGROUP_INET_INGRESS"}  # the last is 0


def traced(method, *strace_options, status=0):
    """The calls that a tool makes, as strace prints them, and what it says."""
    wants_root()
    strace, port = program("strace"), free_port()
    with work_folder() as folder, Server([PROGRAMS / "35_target", port], folder, port=port) as server:
        tool = begin(server.process.pid, folder / "x.holter", "1s", "--method", method,
                     before=[strace, "-f", "-v", "-o", folder / "trace", "-e", f"trace={CALLS}", *strace_options])
        said = finish(tool, status)
        return (folder / "trace").read_text().splitlines(), said


def check_calls(lines, method):
    events = {found for line in lines if "perf_event_open(" in line for found in re.findall(r"\{type=([^ ,]+)", line)}
    check(events <= EVENTS[method], f"opens events of other kinds: {events}")
    types = {found for line in lines for found in re.findall(r"prog_type=BPF_PROG_TYPE_([A-Z_]+)", line)}
    check(types <= PROGRAM_TYPES, f"loads programs of other types: {types}")
    ways = {found for line in lines for found in re.findall(r"attach_type=([A-Za-z0-9_]+)", line)}
    check(ways <= ATTACH_TYPES, f"attaches in other ways: {ways}")
    for line in lines:
        writes = re.search(r"O_WRONLY|O_RDWR|O_CREAT|creat\(", line)
        check(not (writes and re.search(r"tracing|events/|uprobe|kprobe|/sys/", line)), f"writes: {line}")
    return events, types


def by_ebpf():
    """by eBPF: tracepoints and a clock, nothing else"""
    lines, _ = traced("ebpf")
    events, types = check_calls(lines, "ebpf")
    check(events == EVENTS["ebpf"] and {"TRACEPOINT", "PERF_EVENT", "TRACING"} <= types, f"strace saw only {events} {types}")
    check(any("perf_event_open(" in line and " = -1" not in line for line in lines), "nothing was attached")


def by_proc():
    """without eBPF: no program, no tracepoint"""
    lines, _ = traced("poll")
    check_calls(lines, "poll")
    check(not any("BPF_PROG_LOAD" in line for line in lines), "loads a program")


def stops_at_the_first_error():
    """an event that cannot be had ends the attempt, and no second way is tried"""
    lines, said = traced("ebpf", "-e", "inject=perf_event_open:error=EMFILE:when=3+", status=5)
    check_calls(lines, "ebpf")
    opened = [line for line in lines if "perf_event_open(" in line]
    check(len(opened) == 3, f"{len(opened)} attempts: {opened}")
    after = lines[lines.index(opened[-1]) + 1:]
    check(not any("BPF_PROG_LOAD" in line or "LINK_CREATE" in line for line in after), f"goes on: {after}")
    check("Too many open files" in said, f"says {said!r}")


def nothing_is_listed():
    """the lists of probes in tracefs stay as they are"""
    wants_root()
    lists = [pathlib.Path(base, name) for base in ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")
             for name in ("uprobe_events", "kprobe_events", "dynamic_events")]
    before = {path: path.read_text() for path in lists if path.exists()}
    if not before:
        raise Skip("tracefs is not mounted, or this kernel has no such probes")
    traced("ebpf")
    check({path: path.read_text() for path in lists if path.exists()} == before, "a list has changed")


run_cases(by_ebpf, by_proc, stops_at_the_first_error, nothing_is_listed)
