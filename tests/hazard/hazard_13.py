#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 13: signals that arrive all the while keep a long fork from ever finishing.

There is no control: Linux has let only deadly signals end a fork since 4.20.
"""
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Recording, Server, check, free_port, preloaded, program, run_cases, without_holter, work_folder

KEYS, KEY_BYTES, SAVES, SECONDS = 200000, 1500, 6, 30


def ask(port, *command):
    return subprocess.run([program("redis-cli"), "-p", str(port), *map(str, command)], capture_output=True, text=True,
                          timeout=SECONDS, env=without_holter()).stdout.strip()


def saves(environment):
    """Microseconds that redis took for each fork."""
    port, took = free_port(), []
    with work_folder() as folder:
        command = [program("redis-server"), "--port", port, "--save", "", "--dir", folder, "--enable-debug-command", "yes",
                   "--rdbcompression", "no",
                   "--rdbchecksum", "no"]
        with Server(command, folder, environment, port) as server:
            check(ask(port, "debug", "populate", KEYS, "key", KEY_BYTES) == "OK", server.printed()[-400:])
            for _ in range(SAVES):
                answer = ask(port, "bgsave")
                check("Background saving started" in answer, answer)
                took.append(int(re.search(r"latest_fork_usec:(\d+)", ask(port, "info", "stats"))[1]))
                deadline = time.monotonic() + SECONDS
                while "rdb_bgsave_in_progress:1" in ask(port, "info", "persistence"):
                    check(time.monotonic() < deadline, f"a save does not end")
                    time.sleep(0.02)
            check("rdb_last_bgsave_status:ok" in ask(port, "info", "persistence"), "a save failed")
    return sorted(took)


def looping():
    """redis with a large heap saves in the background again and again, each fork in a sampled stall"""
    plain = saves({})
    with work_folder() as folder:
        path = folder / "saves.holter"
        observed = saves(preloaded(path, threshold_ms=1, interval_ms=1))
        check(Recording(path).samples, "Holter took no sample")
    middle = SAVES // 2
    check(observed[middle] < 5 * plain[middle] + 5000, f"forks took {observed} us, without Holter {plain}")
    return f"forks of {observed[middle]} us, without Holter {plain[middle]}"


run_cases(looping)
