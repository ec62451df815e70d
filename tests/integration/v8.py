#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""V8's frames: programs with a known truth (tests/fixtures/v8), 50 samples each, each shown frame held against it.

HOLTER_V8_NODE chooses another Node than the one that the tests are written for.
"""
import os
import pathlib
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import harness
from harness import HERE, PROGRAMS, Skip, check, run_cases, without_holter

FIXTURES = HERE / "fixtures" / "v8"
SAMPLES, INTERVAL_MS, WARM_UP_SECONDS = 50, 11, 1.5
COMPLETE = 49  # of 50


class Truth:
    """What a program's comments say about it."""

    def __init__(self, path):
        self.path = path
        self.lines = path.read_text().splitlines()
        self.settings, self.marks = {}, {}
        for number, line in enumerate(self.lines, 1):
            code, found, comment = line.partition("//@ ")
            if not found:
                continue
            setting = re.fullmatch(r"(\w+(?:@\d+)?): (.*)", comment)
            if setting and not code.strip():
                self.settings[setting[1]] = setting[2].split()
                continue
            marks = self.marks[number] = {}
            for mark in comment.split(";"):
                name, _, callees = mark.partition(">")
                marks[self.name(name.strip())] = {self.name(callee) for callee in callees.split()}

    @staticmethod
    def name(word):
        return "" if word == "-" else word.replace("|", " ")

    def setting(self, key, version=0):
        words = list(self.settings.get(key, []))
        for name, value in self.settings.items():
            if name.startswith(key + "@") and version >= int(name.partition("@")[2]):
                words += value
        return words


class Frame:
    def __init__(self, fields):
        self.kind, self.doubt = fields[0], fields[1]
        self.line, self.column, self.function_line = (int(field) for field in fields[2:5])
        self.inlined = fields[5] == "1"
        self.function, self.file = fields[6], fields[7]

    def __repr__(self):
        return f"{self.function}@{self.file}:{self.line}:{self.column} ({self.kind}, {self.doubt}, from {self.function_line})"


def node():
    return os.environ.get("HOLTER_V8_NODE") or harness.node()


def major_version():
    shown = subprocess.run([node(), "--version"], capture_output=True, text=True, env=without_holter()).stdout
    return int(shown.removeprefix("v").partition(".")[0])


def busiest_thread(pid):
    def ticks(task):
        try:
            return sum(int(field) for field in (task / "stat").read_text().rpartition(")")[2].split()[11:13])
        except (FileNotFoundError, ProcessLookupError):  # it has ended since it was listed
            return 0
    tasks = [task for task in pathlib.Path(f"/proc/{pid}/task").iterdir() if task.name != str(pid)]
    return max(tasks, key=ticks).name


def take_samples(truth, version):
    """Runs the program and samples it; returns the runtime's name, and stacks: lists of the JavaScript frames on them."""
    command = [node(), *truth.setting("options", version), str(truth.path)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=without_holter()) as process:
        try:
            check(process.stdout.readline().strip() == b"ready", f"{command} did not begin")
            time.sleep(WARM_UP_SECONDS)
            thread = busiest_thread(process.pid) if truth.setting("thread") == ["worker"] else process.pid
            walk = subprocess.run([PROGRAMS / "walk_v8", str(process.pid), str(thread), str(SAMPLES), str(INTERVAL_MS)],
                                  capture_output=True, text=True, timeout=120, env=without_holter())
        finally:
            process.kill()
    if "Operation not permitted" in walk.stderr:
        raise Skip("this user may not trace another process")
    check(walk.returncode == 0, f"walk_v8: {walk.stderr.strip()}")
    stacks, runtime = [], ""
    for line in walk.stdout.splitlines():
        kind, *fields = line.split("\t")
        if kind == "runtime":
            runtime = fields[0]
        elif kind == "sample":
            stacks.append([])
        elif kind == "js":
            stacks[-1].append(Frame(fields))
    return runtime, stacks


def complaint(truth, frame, callee):
    """What is wrong with a frame of the program that was called from `callee` (None: none of its functions)."""
    if frame.doubt in ("no-name", "no-position"):
        return None
    if not 1 <= frame.line <= len(truth.lines):
        return "the line is not in the file"
    text = truth.lines[frame.line - 1]
    declaration = truth.lines[frame.function_line - 1] if frame.function_line else ""
    words = ["=>", "function"] if not frame.function else [frame.function.split()[-1], "constructor"]
    if not any(word in declaration for word in words):
        return f"line {frame.function_line} does not declare it"
    if not text[frame.column - 1:].strip():
        return "nothing is at the column"
    if callee is None and frame.line == frame.function_line:
        return None  # on the way in
    callees = truth.marks.get(frame.line, {}).get(frame.function)
    if callees is None:
        return "the line is not its own"
    if callee is not None and frame.doubt != "line-approximate" and callee not in callees:
        return f"the line does not call {callee!r}"
    return None


def examine(path):
    truth = Truth(path)
    version = major_version()
    runtime, stacks = take_samples(truth, version)
    check(runtime.startswith(f"node {version}."), f"the runtime is {runtime!r}")
    check(len(stacks) == SAMPLES, f"{len(stacks)} samples")
    complete, less, seen, kinds, wrong = 0, [], set(), set(), []
    for stack in stacks:
        own = [frame for frame in stack if frame.file == str(path)]
        complete += bool(own) and own[-1].function == truth.setting("bottom")[0]
        kinds.update(frame.kind for frame in stack)
        for i, frame in enumerate(own):
            seen.add(frame.function)
            less += [frame] if frame.doubt in ("no-name", "no-position") else []
            problem = complaint(truth, frame, own[i - 1].function if i else None)
            if problem:
                wrong.append(f"{frame}: {problem}; the stack: {stack}")
        for frame in stack:
            if frame.file.startswith("node:") and not (frame.line and frame.function_line) and frame.doubt == "none":
                wrong.append(f"{frame}: no line, and no doubt")
    check(not wrong, f"{len(wrong)} wrong frames: " + "\n".join(wrong[:3]))
    check(complete >= COMPLETE, f"{complete} of {SAMPLES} stacks reach the bottom; others, like: "
          f"{next((s for s in stacks if not any(f.function == truth.setting('bottom')[0] for f in s)), None)}")
    missing = {truth.name(word) for word in truth.setting("sees", version)} - seen
    check(not missing, f"never seen: {missing}; seen: {seen}")
    missing = set(truth.setting("kinds", version)) - kinds
    check(not missing, f"never seen: {missing} frames; seen: {kinds}")
    return f"{runtime}: {complete} of {SAMPLES} stacks to the bottom, {len(less)} frames of which less is said {less[:1]}, {sorted(kinds)}"


def case(path):
    def run():
        return examine(path)
    run.__doc__ = (f"{path.name}: " + path.read_text().splitlines()[1].removeprefix("// "))
    return run


if __name__ == "__main__":
    chosen = sys.argv[1:] or sorted(path.name for path in FIXTURES.iterdir() if path.suffix in (".js", ".mjs"))
    run_cases(*(case(FIXTURES / name) for name in chosen))
