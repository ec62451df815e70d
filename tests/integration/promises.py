#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What Holter promises of itself: every stall counted, to the tenth of a millisecond, and next to no cost.

Costs in time are benchmarks (tests/bench); here stands what can be counted, and holds on any machine.
"""
import contextlib
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import (LIBRARY, SOAK, Server, check, diagnose, free_port, holter, load, load_command, node, preloaded, run_cases,
                     run_program, severe, under_holter, uses_node, without_holter, work_folder)

LOOPS = os.environ.get("HOLTER_LOOPS", "")
MS = 1e6
SERVER = "require('http').createServer((q, r) => r.end('hello')).listen(process.env.PORT, '127.0.0.1')"


def events(path, kind):
    """The numbers of each event of a kind, by holter dump, which shows blocks as they are."""
    for line in holter("dump", path).stdout.splitlines():
        if line.startswith(f"  {kind} "):
            yield {name: int(value) for name, value in re.findall(r"(\w+)=(-?\d+)", line)} | {
                "ended": "ended=true" in line}


def counting():
    """stalls that a program stamps itself: each is counted, timed and seen"""
    loops, each = (2, 100) if SOAK else (2, 25)
    wanted = loops * each
    with work_folder() as folder:
        path = folder / "stamps.holter"
        done = run_program("stamps", loops, each, environment={"LD_PRELOAD": LIBRARY, "HOLTER_OUT": str(path)}, seconds=200)
        check(done.returncode == 0, f"it ended with {done.returncode}: {done.stderr}")
        turns = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
        tids = {loop["id"]: loop["tid"] for loop in events(path, "loop")}
        recorded = [stall for stall in events(path, "stall") if stall["ended"]]
        samples = list(events(path, "sample"))
    check(sum(meant for *_, meant in turns) == wanted, f"it made other stalls than {wanted}: {turns}")
    errors, seen, known = [], 0, set()
    for tid, begin, duration, meant in turns:
        found = [stall for stall in recorded if tids[stall["loop"]] == tid
                 and stall["begin_ns"] < begin + duration and begin < stall["begin_ns"] + stall["duration_ns"]]
        known.update(stall["id"] for stall in found)
        if not meant:
            check(len(found) <= 1, f"a turn of {duration / MS:.1f} ms was counted {len(found)} times")
            continue
        check(len(found) == 1, f"a stall of {duration / MS:.1f} ms was counted {len(found)} times")
        errors.append(abs(found[0]["duration_ns"] - duration) / MS)
        seen += any(sample["stall"] == found[0]["id"] and begin <= sample["time_ns"] <= begin + duration for sample in samples)
    extra = [stall["duration_ns"] / MS for stall in recorded if stall["id"] not in known]
    median, late = statistics.median(errors), sum(error > 5 for error in errors)
    remark = (f"{wanted} of {wanted}; median error {median:.4f} ms, greatest {max(errors):.3f} ms, {late} over 5 ms; "
              f"{seen} with a stack")
    check(not extra, f"further stalls: {extra}")
    check(median <= 0.1 and late <= 0.01 * wanted + 1 and seen >= 0.98 * wanted - 1, remark)
    return remark


def threads(pid):
    """The threads of a process by name, each with how often it has gone to sleep. Who loses its CPU to another on a busy machine
    does not wake for that."""
    found = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended since it was listed
            sleeps = re.search(r"^voluntary_ctxt_switches:\s+(\d+)", (task / "status").read_text(), re.M)[1]
            found.setdefault((task / "comm").read_text().strip(), []).append(int(sleeps))
    return found


def wakes(pid, seconds):
    """How often a second Holter's thread wakes."""
    begin, before = time.monotonic(), threads(pid)["holter"][0]
    time.sleep(seconds)
    after = threads(pid)["holter"][0]
    return (after - before) / (time.monotonic() - begin)  # a busy machine lets this test sleep for longer


@uses_node
def thrift():
    """a healthy server in load: at most 50 wake-ups a second, and 1 MB an hour"""
    with work_folder() as folder:
        port, path = free_port(), folder / "node.holter"
        with Server(under_holter([node(), "-e", SERVER], path), folder, {"PORT": str(port)}, port) as server, \
                subprocess.Popen(load_command(port, 110, root=300), env=without_holter()) as visitors:
            time.sleep(12)  # histograms come more often at first, then every thirty seconds
            for _ in range(3):
                size, stalls = path.stat().st_size, len(list(events(path, "stall")))
                busy = wakes(server.process.pid, 30)
                hour = (path.stat().st_size - size) * 120
                if len(list(events(path, "stall"))) == stalls:
                    break  # else a busy machine has made some, and what they take is no part of this
            visitors.kill()
        check(not severe(diagnose(path)), "something is reported")
    remark = f"{busy:.1f} wake-ups a second; an hour takes {hour / 1e6:.2f} MB, as far as half a minute tells"
    check(busy <= 50 and hour <= 1e6, remark)
    return remark


def quiet():
    """a server without visitors: at most 10 wake-ups a second after ten seconds"""
    with work_folder() as folder:
        port = free_port()
        with Server(under_holter([LOOPS, "epoll"], folder / "loops.holter"), folder, {"PORT": str(port)}, port) as server:
            load(port, 1, root=50)
            time.sleep(11.5)
            often = wakes(server.process.pid, 5)
        check(often <= 10.2, f"{often:.1f} a second")  # of the 51st, the first and the last may both be seen
        return f"{often:.1f} a second"


def resident(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def files(pid):
    """What the descriptors of a process lead to, sorted, once its visitors' connections are closed."""
    deadline = time.monotonic() + 5
    while True:
        found = []
        for number in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):  # closed since it was listed
                found.append(os.readlink(f"/proc/{pid}/fd/{number}").partition(":")[0])
        found.sort()
        if found.count("socket") <= 1 or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


def footprint():
    """one thread, no descriptor, and at most 16 MiB, after stalls too"""
    with work_folder() as folder:
        shapes = []
        for environment in ({}, preloaded(folder / "loops.holter", 50, 10)):
            port = free_port()
            with Server([LOOPS, "epoll"], folder, {"PORT": str(port), **environment}, port) as server:
                load(port, 4, root=100, slow=3, sleep=2)
                pid = server.process.pid
                shapes.append((threads(pid), files(pid), resident(pid)))
    (threads_bare, files_bare, size_bare), (threads_with, files_with, size_with) = shapes
    check(len(threads_with.pop("holter")) == 1 and threads_with.keys() == threads_bare.keys(), f"threads: {threads_with}")
    check(files_with == files_bare, f"descriptors: {files_with}, without Holter {files_bare}")
    remark = f"{size_with - size_bare:.1f} MiB beside {size_bare:.1f}"
    check(size_with - size_bare <= 16, remark)
    return remark


def an_hour():
    """an hour with a stall every second is diagnosed within a second of a CPU"""
    with work_folder() as folder:
        path = folder / "hour.holter"
        done = run_program("hour", path)
        check(done.returncode == 0, f"it was not written: {done.returncode}")
        times = []
        for _ in range(3):
            before = os.times()
            found = diagnose(path)
            after = os.times()  # of a CPU: on a busy machine it is not given one all the time
            times.append(after.children_user + after.children_system - before.children_user - before.children_system)
        check(found["recording"]["seconds"] > 3500 and found["findings"][0]["stall"]["count"] == 3600, str(found)[:300])
        check(min(times) <= 1, f"it takes {min(times):.2f} s of a CPU")
        return f"{min(times):.2f} s of a CPU for {path.stat().st_size / 1e6:.1f} MB, 3600 stalls and 43200 samples"


run_cases(counting, thrift, quiet, footprint, an_hour)
