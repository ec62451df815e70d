#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What Holter costs, as ratios measured in one run.     bench.py waits|handler|redis|node|instructions

Three variants of the same thing alternate: `plain`, `plain` once more (A/A: what this machine makes of no difference), and
`holter`. A figure is the median over the rounds of each round's own ratio or difference, beside it its 95 % interval
(bootstrap over the rounds). Nothing here fails on a time.
"""
import contextlib
import os
import random
import re
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import (LIBRARY, PROGRAMS, HERE, Server, check, free_port, node, program, without_holter, work_folder)

VARIANTS = ("plain", "A/A", "holter")


def environment(variant, folder):
    """What makes the difference between the variants. Default settings; a recording is written as ever."""
    if variant != "holter":
        return {}
    return {"LD_PRELOAD": LIBRARY, "HOLTER_DIR": str(folder)}


def alternate(rounds, measure):
    """measure(variant) for each variant in each round, in an order that turns; {variant: [value]}."""
    values = {variant: [] for variant in VARIANTS}
    for number in range(rounds):
        for place in range(len(VARIANTS)):
            variant = VARIANTS[(number + place) % len(VARIANTS)]
            values[variant].append(measure(variant))
    return values


def interval(series, resamples=4000):
    """The median and its 95 % interval, by bootstrap."""
    chance = random.Random(1)
    medians = sorted(statistics.median(chance.choices(series, k=len(series))) for _ in range(resamples))
    return statistics.median(series), medians[resamples // 40], medians[-resamples // 40]


def report(what, values, unit, difference=False):
    base = values["plain"]
    print(f"{what}: {statistics.median(base):.6g} {unit} plain, {len(base)} rounds")
    for variant in VARIANTS[1:]:
        pairs = [value - plain if difference else value / plain for value, plain in zip(values[variant], base)]
        middle, low, high = interval(pairs)
        form = "{:+.2f} " + unit + " ({:+.2f} to {:+.2f})" if difference else "x {:.4f} ({:.4f} to {:.4f})"
        print(f"  {variant:7}{form.format(middle, low, high)}")
    sys.stdout.flush()


def cpu_seconds(pid, name=None):
    """CPU time so far of a process's threads, or of those that have a name."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/comm", encoding="utf-8") as comm, \
                open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
            if name in (None, comm.read().strip()):
                total += int(file.read().split()[0])
    return total / 1e9


def waits():
    """Nanoseconds added to an epoll_wait."""
    def measured(threads):
        def measure(variant):
            with work_folder() as folder:
                done = subprocess.run([PROGRAMS / "waits", threads], capture_output=True, text=True, check=True,
                                      env={**without_holter(), **environment(variant, folder)})
            return float(done.stdout)

        return measure

    with open("/sys/devices/system/clocksource/clocksource0/current_clocksource", encoding="ascii") as file:
        print(f"clock source: {file.read().strip()}")
    for threads in ("several", "one"):
        report(f"epoll_wait, {threads} thread(s) in the server", alternate(7, measured(threads)), "ns", difference=True)


def handler():
    """Nanoseconds of a sampled thread's time that one sample takes."""
    for line in subprocess.run([PROGRAMS / "handler"], capture_output=True, text=True, check=True).stdout.splitlines():
        name, median, high, size = line.split()
        print(f"handler, {int(size) / 1024:.1f} KB copied, series {name}: median {median} ns, 99 % under {high} ns")


class Subject:
    """A server to be measured, and how many connections its visitors keep."""

    def __init__(self, name, protocol, command, connections):
        self.name, self.protocol, self.command, self.connections = name, protocol, command, connections

    def visit(self, port, requests, rate=0):
        """Sends so many requests, at a rate a second or as fast as they are answered; returns median, 99th and 99.9th percentile of the latency in microseconds."""
        done = subprocess.run([PROGRAMS / "visitors", self.protocol, str(port), str(self.connections), str(requests), str(rate)],
                              check=True, capture_output=True, text=True, env=without_holter())
        return [float(word) for word in done.stdout.split()]

    def alone(self):
        return Subject(self.name, self.protocol, self.command, 1)

    @contextlib.contextmanager
    def serve(self, variant, before=()):
        with work_folder() as folder:
            port = free_port()
            with Server([*before, *self.command(port, folder)], folder, environment(variant, folder)) as server:
                server.port = port
                server.wait_port(seconds=120)  # under callgrind
                yield server, port


def redis_command(port, folder):
    return [program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
            "--dir", str(folder)]


def node_command(port, _folder):
    return [node(), HERE / "bench" / "hello.js", str(port)]


REDIS = Subject("redis GET", "redis", redis_command, 50)
NODE = Subject("node hello", "http", node_command, 10)


# Its cron does as much for each connection and arena of the allocator as many a request, and goes by the clock as well.
REDIS_CALM = Subject("redis GET, cron once a second", "redis", lambda *where: [*redis_command(*where), "--hz", "1"], 50)


def capacity(subject, requests):
    """Requests a second that the bare server answers, at most."""
    with subject.serve("plain") as (_, port):
        subject.visit(port, requests)
        begin = time.monotonic()
        subject.visit(port, requests)
        return requests / (time.monotonic() - begin)


def load_of_others():
    return f"load average {os.getloadavg()[0]:.2f}, {os.cpu_count()} CPUs"


def per_request(subject, seconds, rounds):
    """CPU time and latency at 60 % of what the server can do, the same rate for all."""
    rate = round(0.6 * capacity(subject, 40000))
    requests = rate * seconds
    print(f"{subject.name}: {rate} requests a second for {seconds} s; {load_of_others()}")
    latency = {"median": [], "99th percentile": [], "99.9th percentile": []}
    shares = []

    def measure(variant):
        with subject.serve(variant) as (server, port):
            subject.visit(port, rate, rate)
            before, own = cpu_seconds(server.process.pid), cpu_seconds(server.process.pid, "holter")
            begin = time.monotonic()
            took = subject.visit(port, requests, rate)
            if variant == "holter":
                shares.append((cpu_seconds(server.process.pid, "holter") - own) / (time.monotonic() - begin))
            for name, value in zip(latency, took):
                latency[name].append((variant, value))
            return (cpu_seconds(server.process.pid) - before) / requests * 1e6

    report(f"{subject.name}, CPU per request", alternate(rounds, measure), "us")
    for name, taken in latency.items():
        report(f"{subject.name}, latency, {name}",
               {variant: [value for of, value in taken if of == variant] for variant in VARIANTS}, "us")
    print(f"{subject.name}: Holter's own thread takes {statistics.median(shares):.3%} of one CPU; {load_of_others()}\n")


def callgrind_part(folder, number):
    """What callgrind has counted between two dumps: (the server's threads, Holter's thread)."""
    servers = holters = 0
    for path in folder.glob(f"counts.{number}-*"):  # a file a thread
        text = path.read_text(errors="replace")
        count = int(re.search(r"^totals: (\d+)", text, re.MULTILINE)[1])
        if "watchdog_run" in text:
            holters += count
        else:
            servers += count
    return servers, holters


def instructions(subject, warm, requests, rounds):
    """Instructions that the server's own threads spend on a request, by callgrind, after a warm-up.

    Callgrind makes a request tens of times slower, but a clock is as fast as ever. What goes by the clock is therefore told
    apart: Holter's thread wakes so many times a second, and its instructions are given a second and not a request.
    """
    own = []

    def dump(server):
        subprocess.run([program("callgrind_control"), "-d", str(server.process.pid)], check=True, capture_output=True)

    def measure(variant):
        with work_folder() as counts:
            tool = [program("valgrind"), "--tool=callgrind", "--separate-threads=yes", "--smc-check=all-non-file",
                    f"--callgrind-out-file={counts}/counts"]
            with subject.serve(variant, tool) as (server, port):
                subject.visit(port, warm)
                time.sleep(1.5)  # Holter has its clock calibrated then
                dump(server)
                begin = time.monotonic()
                subject.visit(port, requests)
                lasted = time.monotonic() - begin
                dump(server)
                server.stop(seconds=60)
            servers, holters = callgrind_part(counts, 2)
            check((holters > 0) == (variant == "holter"), f"Holter's thread has {holters} instructions in {variant}")
        if holters:
            own.append(holters / lasted / 1e6)
        return servers / requests

    report(f"{subject.name}, {subject.connections} connection(s): instructions per request", alternate(rounds, measure), "")
    print(f"  Holter's own thread takes {statistics.median(own):.3f} million instructions a second")
    sys.stdout.flush()


BENCHMARKS = {
    "waits": waits,
    "handler": handler,
    "redis": lambda: per_request(REDIS, 4, 15),
    "node": lambda: per_request(NODE, 4, 15),
    # One connection: each request is a turn of its own, and redis does hardly anything else.
    "instructions": lambda: (
        instructions(REDIS_CALM, 3000, 40000, 6), instructions(REDIS_CALM.alone(), 3000, 20000, 6),
        instructions(NODE, 12000, 8000, 6)),
}

if __name__ == "__main__":
    begin = time.monotonic()
    BENCHMARKS[sys.argv[1]]()
    print(f"({time.monotonic() - begin:.0f} s)")
