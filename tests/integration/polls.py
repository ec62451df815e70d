#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Loops that wait by poll or select, and wait so inside a turn as well: a blocking call there, and not the turn's end."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Server, check, diagnose, free_port, get, load, run_cases, severe, under_holter, work_folder

POLLS = os.environ.get("HOLTER_POLLS", "")
CALLS = {"poll": ("poll",), "select": ("select", "pselect6")}


def served(kind, visits):
    """Runs the server while `visits`, a function of its port, goes on; returns what is found."""
    with work_folder() as folder:
        port, path = free_port(), folder / "polls.holter"
        with Server(under_holter([POLLS, kind], path), folder, {"PORT": str(port)}, port) as server:
            visits(port)
            check("answer" not in server.printed(), "a wait was interrupted")
        diagnosis = diagnose(path)
        check(diagnosis["recording"]["seconds"] > 2, f"only {diagnosis['recording']['seconds']} s observed")
        return severe(diagnosis)


def asking(found, kind):
    """Checks that the verdict is the function that asks, blocked in its wait; returns what is said of its stalls."""
    names = [finding["culprit"]["function"] for finding in found]
    check(names == ["ask_on_purpose"], f"blames {names}")
    check(found[0]["cause"] == "blocked", f"the cause is {found[0]['cause']}")
    check(found[0]["stall"]["syscall"] in CALLS[kind], f"blocked in {found[0]['stall']['syscall']}")
    return found[0]["stall"]


def nested(kind):
    def run():
        stall = asking(served(kind, lambda port: load(port, 3, root=40, ask=2)), kind)
        check(4 <= stall["count"] <= 6, f"{stall['count']} stalls")
        check(stall["max_ms"] < 1000, f"the longest took {stall['max_ms']} ms")

    run.__doc__ = f"a {kind} inside a turn of a {kind} loop is to blame"
    return run


def always(kind):
    def run():
        stall = asking(served(kind, lambda port: load(port, 3, ask=4)), kind)
        check(stall["count"] >= 7, f"{stall['count']} stalls")
        check(stall["max_ms"] < 1000, f"the longest took {stall['max_ms']} ms")

    run.__doc__ = f"the same where each request does so, from the first one on: the {kind} that listens is the loop's"
    return run


def pieces(kind):
    def run():
        stall = asking(served(kind, lambda port: load(port, 3, root=20, pieces=1)), kind)
        check(2 <= stall["count"] <= 3, f"{stall['count']} stalls of 3 answers")
        check(stall["p50_ms"] >= 190, f"half of them took up to {stall['p50_ms']} ms")

    run.__doc__ = f"an answer that comes in 50 pieces, a {kind} each, is one stall"
    return run


def healthy(kind):
    def run():
        found = served(kind, lambda port: load(port, 3, root=150))
        check(not found, f"reported: {found}")

    run.__doc__ = f"a {kind} loop whose set grows and shrinks: nothing is reported"
    return run


def replaced(kind):
    def run():
        def visits(port):
            load(port, 1, root=40)
            for _ in range(3):
                get(port, "/again")
                time.sleep(0.7)  # a wait that must not be taken for a call inside the turn
                get(port)
                time.sleep(0.7)
            load(port, 3, root=20, ask=2)

        stall = asking(served(kind, visits), kind)
        check(4 <= stall["count"] <= 6 and stall["max_ms"] < 600, f"{stall['count']} stalls, up to {stall['max_ms']} ms")

    run.__doc__ = f"a {kind} loop that replaces its whole set waits on the new one"
    return run


run_cases(*(case(kind) for case in (nested, always, pieces, healthy, replaced) for kind in CALLS))
