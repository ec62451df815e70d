#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 36: what is lost on the way from the kernel is counted, and the verdict says so."""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from attaching import attach, begin, finish, is_recording, wants_root
from harness import PROGRAMS, Recording, Server, check, free_port, holter, node, run_cases, work_folder

SAMPLE, LOOP, EVENT = 1, 6, 7  # enum loss_kind
LOOPS_MAX = 128
OTHER = {"LD_PRELOAD": str(PROGRAMS / "36_other_kernel.so"), "OTHER_RING": "4096"}
# 8 ms asleep, again and again from SIGUSR2 until SIGHUP; then it says how often.
STALLS = """
const cell = new Int32Array(new SharedArrayBuffer(4));
let stalls = 0;
require("http").createServer((request, response) => response.end()).listen(Number(process.env.PORT), "127.0.0.1");
let timer;
process.on("SIGUSR2", () => { timer = setInterval(() => { Atomics.wait(cell, 0, 0, 8); stalls++; }, 10); });
process.on("SIGHUP", () => { clearInterval(timer); console.log("made", stalls); });
"""


# A loop in each thread.
LOOPS = """
import select, socket, sys, threading
def turn(loop):
    while True:
        loop.poll(0.02)
for _ in range(int(sys.argv[2]) - 1):
    threading.Thread(target=turn, args=(select.epoll(),), daemon=True).start()
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener, select.epoll() as loop:
    turn(loop)
"""


def not_observed(path):
    return holter("diagnose", path).stdout.partition("Not observed")[2]


def no_room_for_samples():
    """a ring of one page has no room for samples: the stalls are all there, and the samples are missed by number"""
    wants_root()
    port = free_port()
    with work_folder() as folder, Server([PROGRAMS / "35_target", port], folder, port=port) as server:
        small, usual = folder / "small.holter", folder / "usual.holter"
        attach(server.process.pid, usual, "3s", "--method", "ebpf")
        attach(server.process.pid, small, "3s", "--method", "ebpf", environment=OTHER)
        check(not Recording(usual).lost.get(SAMPLE), "the usual ring has no room either")
        lost = Recording(small)
        check(lost.lost.get(SAMPLE, 0) > 5, f"lost {lost.lost}")
        check(f"{lost.lost[SAMPLE]} samples: no room" in not_observed(small), not_observed(small))
        check(len(lost.stalls) >= 3, f"only {len(lost.stalls)} stalls")
        return f"{lost.lost[SAMPLE]} samples missed of {len(lost.stalls)} stalls"


def no_room_for_stalls():
    """a tool that cannot keep up: stalls that it was told of and those that are counted as lost make all that there were"""
    wants_root()
    port = free_port()
    with work_folder() as folder, Server([node(), "-e", STALLS], folder, {"PORT": str(port)}, port) as server:
        path = folder / "x.holter"
        tool = begin(server.process.pid, path, "60s", "--method", "ebpf", "--threshold", "6", environment=OTHER)
        is_recording(path)
        os.kill(server.process.pid, signal.SIGUSR2)
        time.sleep(0.5)
        tool.send_signal(signal.SIGSTOP)
        time.sleep(4)
        tool.send_signal(signal.SIGCONT)
        time.sleep(0.5)
        os.kill(server.process.pid, signal.SIGHUP)
        deadline = time.monotonic() + 20
        while "made" not in server.printed():
            check(time.monotonic() < deadline, f"the server says {server.printed()!r}")
            time.sleep(0.05)
        time.sleep(0.5)
        tool.send_signal(signal.SIGINT)
        finish(tool)
        made, recording = int(server.printed().split()[-1]), Recording(path)
        lost = recording.lost.get(EVENT, 0)
        check(lost > 50, f"lost {recording.lost}, of {made}")
        check(f"{lost} stalls or turns: too many at once" in not_observed(path), not_observed(path))
        # Turns that a busy machine makes longer than 6 ms are in it as well, and a stall may be lost in two parts.
        known = len(recording.stalls) + lost
        check(0.95 * made < known < 1.2 * made, f"{len(recording.stalls)} stalls and {lost} lost, of {made}")
        return f"of {made} stalls {len(recording.stalls)} are recorded, {lost} counted as lost"


def no_room_for_loops():
    """more loops than can be watched: each that is not is counted once, however often it turns"""
    wants_root()
    port, more = free_port(), 9
    with work_folder() as folder, Server([sys.executable, "-c", LOOPS, port, LOOPS_MAX + more], folder, port=port) as server:
        path = folder / "x.holter"
        attach(server.process.pid, path, "3s", "--method", "ebpf")
        check(Recording(path).lost.get(LOOP) == more, f"lost {Recording(path).lost}, not {more} loops")
        check(f"{more} loops: more than can be watched" in not_observed(path), not_observed(path))


run_cases(no_room_for_samples, no_room_for_stalls, no_room_for_loops)
