#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 10: the signal is taken over, blocked or inherited by the server, or the server has a profiler of its own."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Recording, Server, check, holter, node, preloaded, run_cases, run_program, work_folder

PROFILED = """
const crypto = require('crypto');
let turns = 0;
function turn() {
  crypto.pbkdf2Sync('a', 'b', 60000, 32, 'sha512');
  if (++turns < 20) setTimeout(turn, 2);
  else process.exit(0);
}
require('net').createServer().listen(0, turn);
"""


def server_with(way, what, note=None, sampled=False):
    def run():
        with work_folder() as folder:
            path = folder / "signal.holter"
            done = run_program("10_signal", way, environment=preloaded(path))
            check(done.returncode == 0 and not done.stderr, f"status {done.returncode}: {done.stderr}")
            if sampled:  # by the other signal
                check(len(Recording(path).samples) > 20, "Holter took few samples")
            if note:
                check(note in holter("dump", path).stdout, f"the recording does not say {note!r}")

    run.__doc__ = what
    return run


def node_profiled(option, what):
    def run():
        with work_folder() as folder:
            path = folder / "profiled.holter"
            with Server([node(), option, "-e", PROFILED], folder, environment=preloaded(path)) as server:
                status = server.process.wait(60)
                check(status == 0, f"status {status}: {server.printed()[-400:]}")
            profiles = [file.name for file in folder.iterdir() if file.suffix in (".log", ".cpuprofile") and file.name != "server.log"]
            check(profiles, f"node wrote no profile: {list(folder.iterdir())}")
            check(len(Recording(path).samples) > 20, "Holter took few samples")

    run.__doc__ = f"node {option}: {what}"
    return run


def control():
    """the wrong design, signals whatever the server does with them, shows"""
    for way in ("handler-before", "handler-after", "blocked", "descriptor"):
        done = run_program("10_signal", way, "wrong")
        check(done.returncode == 1, f"{way}: status {done.returncode}")


run_cases(server_with("handler-before", "a server with a handler for SIGURG gets its own signals, no others", sampled=True),
          server_with("handler-after", "the same, installed while Holter samples", "signal has another use"),
          server_with("blocked", "a loop that blocks all signals finds none pending"),
          server_with("descriptor", "a server that takes SIGURG by a descriptor gets no other"),
          server_with("exec", "a program that the server executes inherits neither handler nor mask"),
          node_profiled("--cpu-prof", "both profiles are whole"), node_profiled("--prof", "both profiles are whole"), control)
