#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Processes that come while their ancestor is watched from outside: each that has a loop has a recording of its own."""
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from attaching import attach, begin, blames, finish, is_recording, serving
from harness import check, diagnose, node, run_cases, severe, uses_node, without_holter

SERVERS = pathlib.Path(__file__).parent / "servers"
LOOPS_MAX = PROCESSES_MAX = 128  # that are watched at once


def descendants(*words):
    return serving("/usr/bin/python3", SERVERS / "descendants.py", *words)


def recordings(path):
    return sorted(path.parent.glob(f"{path.name}.*"))


def ask(server):
    os.kill(server.process.pid, signal.SIGUSR2)


def only(path):
    found = recordings(path)
    check(len(found) == 1, f"recordings of children: {found}")
    return found[0]


def brief():
    """children that had ended before they could be looked at take nobody's place"""
    with descendants("brief", LOOPS_MAX // 2 + 10) as (server, folder, _):
        path = folder / "x.holter"
        tool = begin(server.process.pid, path, "9s", "--children")
        is_recording(path)
        for _ in range(2):
            tool.send_signal(signal.SIGSTOP)
            ask(server)
            time.sleep(0.5)
            tool.send_signal(signal.SIGCONT)
            time.sleep(1)
        finish(tool)
        blames(only(path), "settle_accounts")


def many():
    """more workers, a few at a time, than can be watched at once"""
    count = PROCESSES_MAX + 12
    with descendants("many", count) as (server, folder, _):
        path = folder / "x.holter"
        tool = begin(server.process.pid, path, "60s", "--children")
        is_recording(path)
        ask(server)
        deadline = time.monotonic() + 40
        while len(recordings(path)) < count and time.monotonic() < deadline:
            time.sleep(0.2)
        memory = int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{tool.pid}/status").read_text())[1])
        tool.send_signal(signal.SIGINT)
        said = finish(tool)
        check(not said and len(recordings(path)) == count, f"{len(recordings(path))} recordings; says {said!r}")
        return f"{memory >> 10} MiB at most"


def grandchild():
    """a process that its parent had begun before the tool came to watch that; the parent, which only sleeps, hangs in no loop"""
    with descendants("grandchild") as (server, folder, _):
        path = folder / "x.holter"
        tool = begin(server.process.pid, path, "4s", "--children")
        is_recording(path)
        tool.send_signal(signal.SIGSTOP)
        ask(server)
        time.sleep(0.5)
        tool.send_signal(signal.SIGCONT)
        finish(tool)
        blames(only(path), "settle_accounts")


@uses_node
def thread():
    """a thread that is not the first one begins another program: that is said, and the program watched"""
    with descendants("thread", node(), SERVERS / "life.js", "stalls") as (server, folder, _):
        path = folder / "x.holter"
        tool = begin(server.process.pid, path, "6s")
        is_recording(path)
        ask(server)
        said = finish(tool)
        check("runs another program" in said, f"says {said!r}")
        blames(path, "waitForLock")


@uses_node
def watched_again():
    """a second recording of the same name takes the place of the first, the workers' too"""
    with serving(node(), SERVERS / "life.js", "cluster") as (server, folder, _):
        path = folder / "x.holter"
        ask(server)
        time.sleep(1.5)
        for _ in range(2):
            said = attach(server.process.pid, path, "3s", "--children")
            check(not said, f"says {said!r}")
            own = recordings(path)
            check(len(own) == 3, f"of three workers: {own}")
            ages = [time.time() - one.stat().st_mtime for one in own]
            check(max(ages) < 2, f"written {ages} s ago")
            blames(own[0], "waitForLock")


@uses_node
def handed_connections():
    """a worker that is handed its connections is past its start with the first, not after ten seconds"""
    with serving(node(), SERVERS / "life.js", "handed") as (server, folder, port):
        path = folder / "x.holter"
        tool = begin(server.process.pid, path, "6s", "--children")
        is_recording(path)
        ask(server)
        time.sleep(1)
        visitors = subprocess.Popen([sys.executable, "-c", VISITOR, str(port + 1)], env=without_holter())
        finish(tool)
        visitors.kill()
        visitors.wait()
        found = severe(diagnose(only(path)))
        check([finding["culprit"]["function"] for finding in found] == ["waitForLock"], f"finds {found}")
        check(found[0]["stall"]["count"] >= 5, f"{found[0]['stall']['count']} stalls")


VISITOR = """
import http.client, sys, time
visitor = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=5)
while True:
    visitor.request("GET", "/")
    visitor.getresponse().read()
    time.sleep(0.2)
"""

run_cases(brief, many, grandchild, thread, watched_again, handed_connections)
