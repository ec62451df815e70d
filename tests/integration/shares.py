#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where the time of a stall went, against what the server's own thread measured of it: each cause within ten per cent.

The truth is the kernel's account of the thread, read by the thread itself at both ends of what it does.
"""
import contextlib
import json
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from circumstances import entering, group, group_version_1, hogs, one_cpu
from harness import (MODE, Server, check, diagnose, free_port, get, load, node, program, run_cases, severe, under_holter, uses_node,
                     work_folder)

SECONDS = 5
SLACK = 0.10
SERVER = """
const crypto = require('crypto'), fs = require('fs');
const truth = { wall: 0, cpu: 0, queue: 0, throttled: 0 };
function now() {
  const [cpu, queue] = fs.readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ').map(Number);
  const group = process.env.GROUP ? fs.readFileSync(process.env.GROUP + '/cpu.stat', 'utf8') : 'throttled_time 0';
  return { wall: Number(process.hrtime.bigint()), cpu, queue, throttled: Number(/throttled_time (\\d+)/.exec(group)[1]) };
}
function hashPassword() { crypto.pbkdf2Sync('secret', 'salt', 150000, 64, 'sha512'); }
function readTemplate() { fs.readFileSync(process.env.FIFO); }
function work() { crypto.pbkdf2Sync('secret', 'salt', 45000, 64, 'sha512'); }
const slow = { '/hash': hashPassword, '/read': readTemplate, '/work': work };
require('http').createServer((request, response) => {
  const handler = slow[request.url];
  if (handler) {
    const begin = now();
    handler();
    const end = now();
    if (end.wall - begin.wall > 50e6) for (const key in truth) truth[key] += end[key] - begin[key];
  }
  response.end(request.url === '/truth' ? JSON.stringify(truth) : 'ok');
}).listen(process.env.PORT, '127.0.0.1');
"""


@contextlib.contextmanager
def late_writer(fifo):
    """Answers each reader of a FIFO after 150 ms."""
    stop = threading.Event()

    def serve():
        while not stop.is_set():
            with contextlib.suppress(OSError):
                descriptor = os.open(fifo, os.O_WRONLY)  # waits for a reader
                time.sleep(0.15)
                os.close(descriptor)
            time.sleep(0.02)  # until the reader is gone

    os.mkfifo(fifo)
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield
    stop.set()
    with contextlib.suppress(OSError):
        os.close(os.open(fifo, os.O_RDONLY | os.O_NONBLOCK))


def measured(visits, before=(), environment=None):
    """The findings, and the truth as shares of the stalled time."""
    with work_folder() as folder, late_writer(folder / "fifo"):
        (folder / "server.js").write_text(SERVER)
        port, recording = free_port(), folder / "shares.holter"
        with Server([*before, *under_holter([node(), folder / "server.js"], recording)], folder,
                    {"PORT": str(port), "FIFO": str(folder / "fifo"), **(environment or {})}, port):
            load(port, SECONDS, **visits)
            truth = json.loads(get(port, "/truth").split(b"\r\n\r\n", 1)[1])
        found = severe(diagnose(recording), host=True)
        check(found, "nothing is reported")
        return found, {key: value / truth["wall"] for key, value in truth.items()}


def compare(found, cause, truth, slack=SLACK):
    """The share of a cause in all stalls. A stall that the host only made longer keeps its own cause."""
    total = sum(finding["stall"]["total_ms"] for finding in found)
    share = sum(finding["stall"]["shares"][cause] * finding["stall"]["total_ms"] for finding in found) / total
    check(cause in [finding["cause"] for finding in found], f"no finding's cause is {cause}: {[finding['summary'] for finding in found]}")
    check(abs(share - truth) <= slack, f"{cause} has a share of {share:.3f}, in truth {truth:.3f}")
    return f"{cause} {share:.3f}, in truth {truth:.3f}"


@uses_node
def on_cpu():
    """pbkdf2 is on-cpu"""
    found, truth = measured({"root": 20, "hash": 3})
    return compare(found, "on-cpu", truth["cpu"])


@uses_node
def blocked():
    """a blocked reader is blocked, in a call that reads"""
    found, truth = measured({"root": 20, "read": 3})
    calls = {finding["stall"]["syscall"] for finding in found if finding["cause"] == "blocked"}
    check(calls <= {"read", "open", "openat"}, f"slept in {calls}")
    return compare(found, "blocked", 1 - truth["cpu"] - truth["queue"])


@uses_node
def starved():
    """a starved process is runqueue"""
    with hogs(4):
        found, truth = measured({"root": 5, "work": 4}, [program("taskset"), "-c", str(one_cpu())])
    # From inside, Holter's own thread queues for the same CPU, and comes late to many a turn.
    return compare(found, "runqueue", truth["queue"], SLACK if MODE == "attach" else 0.5)


@uses_node
def throttled():
    """a process out of its quota is throttled"""
    # On one CPU: the group's account adds up what each CPU was throttled.
    with group(group_version_1) as cgroup:
        before = [program("taskset"), "-c", str(one_cpu()), *entering(cgroup)]
        found, truth = measured({"root": 2, "hash": 1}, before, {"GROUP": str(cgroup)})
    # From inside, Holter's own thread is out of the quota as well, and looks at the account late.
    return compare(found, "throttled", truth["throttled"], SLACK if MODE == "attach" else 0.15)


run_cases(on_cpu, blocked, starved, throttled)
