#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 25: a server that dies soon after its start, again and again, and perhaps by Holter's fault."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import LIBRARY, PROGRAMS, Recording, check, holter, run_cases, run_program, without_holter, work_folder

SHORT_LIVES = 3
NOTE = "three times in a row"


class Folder:
    """Where the recordings go; what each start left there."""

    def __init__(self, path):
        self.path, self.seen = path, set()
        self.environment = {"LD_PRELOAD": LIBRARY, "HOLTER_DIR": str(path), "HOLTER_THRESHOLD_MS": "10", "HOLTER_INTERVAL_MS": "2"}

    def start(self, manner):
        """Whether the start was recorded ("recorded"), passive, or left nothing (None)."""
        done = run_program("25_short_life", manner, environment=self.environment)
        check((done.returncode == 0) == (manner == "end") and not done.stderr, f"status {done.returncode}: {done.stderr}")
        return self.outcome()

    def outcome(self):
        new = set(self.path.glob("*.holter")) - self.seen
        self.seen |= new
        if not new:
            return None
        check(len(new) == 1, f"{len(new)} recordings of one start")
        file = new.pop()
        if NOTE in holter("dump", file).stdout:
            check(not Recording(file).stalls, "a passive start recorded stalls")
            return "passive"
        return "recorded" if Recording(file).samples else None

    def marks(self):
        return len(list(self.path.glob(".holter-*")))


def crashes():
    """after three short lives in a row a start is passive, and the next an ordinary one"""
    with work_folder() as path:
        folder = Folder(path)
        lives = [folder.start("crash") for _ in range(SHORT_LIVES + 2)]
        check(lives == ["recorded"] * SHORT_LIVES + ["passive", "recorded"], f"lives: {lives}")


def recovers():
    """a life that ends in order clears the short ones before it, and leaves no mark"""
    with work_folder() as path:
        folder = Folder(path)
        lives = [folder.start(manner) for manner in ("crash", "crash", "end", "crash", "crash", "end", "end")]
        check(lives == ["recorded"] * len(lives), f"lives: {lives}")
        check(folder.marks() == 0, f"{folder.marks()} marks are left")


def together():
    """many processes of one program at a time are no row of short lives"""
    with work_folder() as path:
        folder = Folder(path)
        servers = [subprocess.Popen([PROGRAMS / "25_short_life", "end"], env={**without_holter(), **folder.environment})
                   for _ in range(2 * SHORT_LIVES)]
        for server in servers:
            server.wait(30)
        files = list(path.glob("*.holter"))
        check(len(files) == len(servers), f"{len(files)} recordings of {len(servers)} servers")
        check(all(Recording(file).stalls for file in files), "a server was not recorded")


def switch():
    """a file called `disable` among the recordings keeps Holter out"""
    with work_folder() as path:
        folder = Folder(path)
        (path / "disable").touch()
        check(folder.start("end") is None, "a start was recorded")
        (path / "disable").unlink()
        check(folder.start("end") == "recorded", "a start was not recorded")


def aside():
    """where nothing is recorded, after short lives or without a folder, no hook is at work"""
    with work_folder() as path:
        folder = Folder(path)
        said = [run_program("25_aside", environment=folder.environment).stdout.strip() for _ in range(SHORT_LIVES + 1)]
        check(said == ["at work"] * SHORT_LIVES + ["aside"], f"said: {said}")
        done = run_program("25_aside", environment={**folder.environment, "HOLTER_OUT": str(path / "none" / "a.holter")})
        check(done.stdout.strip() == "aside" and "no recording" in done.stderr, f"said: {done.stdout}{done.stderr}")


run_cases(crashes, recovers, together, switch, aside)
