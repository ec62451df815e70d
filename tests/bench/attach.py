#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `holter attach` costs.     attach.py redis|node|bystander|tool|times

The server is one process all the while, since another start is another layout: `plain`, `plain` once more (A/A) and attached to
take turns. Figures as in bench.py. Who may not attach skips.
"""
import contextlib
import pathlib
import statistics
import subprocess
import sys
import time

import bench
from harness import HOLTER, PROGRAMS, SKIP_STATUS, Skip, check, holter, without_holter, work_folder

WINDOW_SECONDS = 1


class Attached:
    """`holter attach` at work on a process, from its first block on."""

    def __init__(self, pid, folder, *options):
        self.recording = pathlib.Path(folder) / "attached.holter"
        self.recording.unlink(missing_ok=True)
        begin = time.monotonic()
        self.process = subprocess.Popen([HOLTER, "attach", "-p", str(pid), "-o", self.recording, *options], env=without_holter(),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while not (self.recording.exists() and self.recording.stat().st_size):
            if self.process.poll() is not None:
                raise Skip(f"holter attach: {self.process.stderr.read().strip()}")
            time.sleep(0.001)
        self.first_block_seconds = time.monotonic() - begin

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        _, said = self.process.communicate(timeout=30)
        check(self.process.returncode == 0, f"holter attach ended with {self.process.returncode}: {said.strip()}")

    def peak_mib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024


def attached_if(variant, pid, folder):
    return Attached(pid, folder) if variant == "holter" else contextlib.nullcontext()


def per_request(subject, rounds, rate):
    """CPU time of the server a request; rate 0: as fast as it answers."""
    pace = f"{rate} requests a second" if rate else "full speed"
    capacity = rate or round(bench.capacity(subject, 40000))
    print(f"{subject.name}, {pace}; {bench.load_of_others()}")

    with work_folder() as folder, subject.serve("plain") as (server, port):
        def measure(variant):
            with attached_if(variant, server.process.pid, folder):
                subject.visit(port, capacity // 4, rate)
                before = bench.cpu_seconds(server.process.pid)
                subject.visit(port, capacity * WINDOW_SECONDS, rate)
                return (bench.cpu_seconds(server.process.pid) - before) / (capacity * WINDOW_SECONDS) * 1e6

        subject.visit(port, capacity * WINDOW_SECONDS, rate)
        values = bench.alternate(rounds, measure)
    bench.report(f"{subject.name}, {pace}, CPU per request", values, "us")
    print(f"  {bench.load_of_others()}\n", flush=True)


def subject_cost(subject, rounds):
    per_request(subject, rounds, round(0.6 * bench.capacity(subject, 40000)))
    per_request(subject, rounds, 0)


def bystander():
    """Nanoseconds added to system calls of a process that is not watched, while an idle one is."""
    with work_folder() as folder, bench.NODE.serve("plain") as (server, _):
        def measure(variant):
            with attached_if(variant, server.process.pid, folder):
                done = subprocess.run([PROGRAMS / "bystander"], capture_output=True, text=True, check=True)
            return [float(word) for word in done.stdout.split()]

        values = bench.alternate(12, measure)
    for place, call in enumerate(("getppid", "poll", "epoll_wait")):
        bench.report(f"a bystander's {call}", {variant: [taken[place] for taken in of] for variant, of in values.items()}, "ns",
                     difference=True)
    print(f"  {bench.load_of_others()}\n")


def tool_beside(subject, rate, seconds=10):
    """CPU time and memory of the tool itself beside a healthy server."""
    with work_folder() as folder, subject.serve("plain") as (server, port):
        subject.visit(port, rate, rate)
        with Attached(server.process.pid, folder) as attached:
            started = bench.cpu_seconds(attached.process.pid)
            begin = time.monotonic()
            subject.visit(port, rate * seconds, rate)
            share = (bench.cpu_seconds(attached.process.pid) - started) / (time.monotonic() - begin)
            peak = attached.peak_mib()
    print(f"{subject.name}, {rate} requests a second: the tool takes {share:.3%} of one CPU, after {started * 1e3:.0f} ms of CPU to start; "
          f"{peak:.1f} MiB at most; {bench.load_of_others()}", flush=True)


def tool():
    tool_beside(bench.REDIS, 50000)
    tool_beside(bench.NODE, round(0.6 * bench.capacity(bench.NODE, 20000)))


def spread(values):
    return f"median {statistics.median(values):.3f} s, {min(values):.3f} to {max(values):.3f}"


def times():
    """Seconds from a command to its first block, and to its verdict."""
    first, verdict = [], []
    with work_folder() as folder, bench.NODE.serve("plain") as (server, _):
        for _ in range(10):
            with Attached(server.process.pid, folder) as attached:
                first.append(attached.first_block_seconds)
        for _ in range(5):
            begin = time.monotonic()
            done = holter("diagnose", "-p", server.process.pid, "-d", "1s")
            check(done.returncode == 0, f"holter diagnose ended with {done.returncode}: {done.stderr.strip()}")
            verdict.append(time.monotonic() - begin)
    print(f"holter attach, command to first block, node: {spread(first)}; {bench.load_of_others()}")
    print(f"holter diagnose -d 1s, command to verdict, idle node: {spread(verdict)}")


BENCHMARKS = {
    "redis": lambda: subject_cost(bench.REDIS, 40),
    "node": lambda: subject_cost(bench.NODE, 40),
    "bystander": bystander,
    "tool": tool,
    "times": times,
}

if __name__ == "__main__":
    begin = time.monotonic()
    try:
        BENCHMARKS[sys.argv[1]]()
    except Skip as reason:
        print(reason)
        sys.exit(SKIP_STATUS)
    print(f"({time.monotonic() - begin:.0f} s)")
