#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What Holter costs, as ratios measured in one run.     bench.py waits|handler|redis|node|instructions

Three variants of the same thing alternate: `plain`, `plain` once more (A/A: what this machine makes of no difference), and
`holter`. A figure is the median over the rounds of each round's own ratio or difference; the interval beside it holds the
middle half of the rounds. Nothing here fails on a time.
"""
import contextlib
import os
import re
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import (LIBRARY, PROGRAMS, HERE, Server, free_port, get, node, program, without_holter, work_folder)

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


def spread(series):
    """Median and the middle half."""
    low, middle, high = statistics.quantiles(series, n=4)
    return middle, low, high


def report(what, values, unit, difference=False):
    base = values["plain"]
    print(f"{what}: {statistics.median(base):.6g} {unit} plain")
    for variant in VARIANTS[1:]:
        pairs = [value - plain if difference else value / plain for value, plain in zip(values[variant], base)]
        middle, low, high = spread(pairs)
        form = "{:+.1f} " + unit + " ({:+.1f} to {:+.1f})" if difference else "x {:.4f} ({:.4f} to {:.4f})"
        print(f"  {variant:7}{form.format(middle, low, high)}")
    sys.stdout.flush()


def cpu_seconds(pid):
    """CPU time of all threads of a process so far."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
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


def redis_command(port, folder):
    return [program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
            "--dir", str(folder)]


def redis_load(port, requests):
    subprocess.run([program("redis-benchmark"), "-p", str(port), "-t", "get", "-n", str(requests), "-c", "50", "-P", "1",
                    "-q"], check=True, stdout=subprocess.DEVNULL, env=without_holter())


def node_command(port, _folder):
    return [node(), HERE / "bench" / "hello.js", str(port)]


def node_load(port, requests):
    """wrk counts seconds, not requests: redis-benchmark's inline command is an HTTP request's line as well as any."""
    subprocess.run([sys.executable, HERE / "bench" / "requests.py", str(port), str(requests)], check=True,
                   env=without_holter())


def cpu_per_request(what, command, load, requests, rounds):
    def measure(variant):
        with work_folder() as folder:
            port = free_port()
            with Server(command(port, folder), folder, environment(variant, folder), port) as server:
                load(port, requests // 4)
                before = cpu_seconds(server.process.pid)
                load(port, requests)
                return (cpu_seconds(server.process.pid) - before) / requests * 1e6

    report(f"{what}: CPU per request", alternate(rounds, measure), "us")


def instructions_per_request(what, command, load, few, many, rounds):
    """By callgrind, whose counts do not depend on what else runs: the difference of two runs, so that start-up cancels."""
    def count(variant, requests):
        with work_folder() as folder:
            port = free_port()
            tool = [program("valgrind"), "--tool=callgrind", "--callgrind-out-file=/dev/null", "--smc-check=all-non-file"]
            with Server([*tool, *command(port, folder)], folder, environment(variant, folder), port) as server:
                load(port, requests)
                server.stop(seconds=60)
                return int(re.search(r"Collected : (\d+)", server.printed())[1])

    def measure(variant):
        return (count(variant, many) - count(variant, few)) / (many - few)

    report(f"{what}: instructions per request", alternate(rounds, measure), "")


BENCHMARKS = {
    "waits": waits,
    "handler": handler,
    "redis": lambda: cpu_per_request("redis GET", redis_command, redis_load, 200000, 9),
    "node": lambda: cpu_per_request("node hello", node_command, node_load, 30000, 9),
    "instructions": lambda: (
        instructions_per_request("redis GET", redis_command, redis_load, 2000, 12000, 5),
        instructions_per_request("node hello", node_command, node_load, 1000, 3000, 3)),
}

if __name__ == "__main__":
    begin = time.monotonic()
    BENCHMARKS[sys.argv[1]]()
    print(f"({time.monotonic() - begin:.0f} s)")
