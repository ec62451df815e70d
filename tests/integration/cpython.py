#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Python servers (tests/fixtures/cpython): the function to blame, and whether each frame shown is right.

HOLTER_PYTHON chooses another Python than the distribution's.
"""
import ast
import collections
import contextlib
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import (HERE, Recording, Server, Skip, check, diagnose, free_port, get, load, preloaded, run_cases, severe,
                     under_holter, without_holter, work_folder)

PYTHON = os.environ.get("HOLTER_PYTHON", "/usr/bin/python3")
SERVER = HERE / "fixtures" / "cpython" / "server.py"
NUMBERS = os.environ.get("HOLTER_NUMBERS", "")
SECONDS = 4
LINES = SERVER.read_text().splitlines()


def run_python(*arguments):
    if not os.path.exists(PYTHON):
        raise Skip(f"there is no {PYTHON}")
    return subprocess.run([PYTHON, *arguments], capture_output=True, text=True, env=without_holter())


def version():
    return tuple(int(part) for part in run_python("-c", "import platform as p; print(p.python_version())").stdout.split(".")[:2])


def environment(port, loop):
    if loop == "uvloop" and run_python("-c", "import uvloop").returncode:
        raise Skip(f"{PYTHON} has no uvloop")
    return {"PORT": str(port), "LOOP": loop, "NUMBERS": NUMBERS, "PYTHONDONTWRITEBYTECODE": "1"}


def line_of(text):
    found = [number for number, line in enumerate(LINES, 1) if text in line]
    check(len(found) == 1, f"{text!r} is on lines {found}")
    return found[0]


@contextlib.contextmanager
def recorded(loop="", **plan):
    """Where the recording of a server under load is."""
    version()
    with work_folder() as folder:
        port, recording = free_port(), folder / "python.holter"
        with Server(under_holter([PYTHON, SERVER], recording), folder, environment(port, loop), port):
            load(port, SECONDS, **plan)
        yield recording


def blamed(path, function, text, cause, call=None, loop=""):
    """Checks that a path's function, file and line are the verdict, and its only one."""
    with recorded(loop, root=40, **{path: 3}) as recording:
        diagnosis = diagnose(recording)
    found = severe(diagnosis)
    check(found, "nothing is reported")
    first, culprit = found[0], found[0]["culprit"] or {}
    check(first["kind"] == "stall" and first["cause"] == cause, f"it is {first['kind']}/{first['cause']}")
    check(call is None or first["stall"]["syscall"] in call, f"blocked in {first['stall']['syscall']}")
    check(culprit.get("function") == function, f"blames {culprit.get('function')!r}")
    check(culprit["file"] == str(SERVER), f"blames the file {culprit['file']!r}")
    check(culprit["line"] == line_of(text), f"blames line {culprit['line']}, not {line_of(text)}")
    check(culprit["function_line"] == line_of(f"def {function}("), f"declared on line {culprit['function_line']}")
    check(first["confidence"] >= 0.8, f"is sure of it only by {first['confidence']}")
    check(first["stall"]["count"] >= 4, f"counts {first['stall']['count']} stalls")
    check(len(found) == 1, f"reports as well: {[finding['summary'] for finding in found[1:]]}")
    return first["summary"]


def healthy():
    """the same server without faults: nothing; the runtime by name"""
    with recorded(root=200) as recording:
        diagnosis = diagnose(recording)
    check(not severe(diagnosis), f"reported: {severe(diagnosis)}")
    major, minor = version()
    check(diagnosis["recording"]["runtime"].startswith(f"python {major}.{minor}"), diagnosis["recording"]["runtime"])


def sleeping():
    """time.sleep in a handler: blocked, the function that sleeps"""
    return blamed("sleep", "rest_a_while", "time.sleep(0.2)", "blocked", ("clock_nanosleep", "select", "pselect6"))


def hashing():
    """hashlib.pbkdf2_hmac, with the interpreter's lock given away: on-cpu"""
    return blamed("password", "check_password", "hashlib.pbkdf2_hmac(", "on-cpu")


def packing():
    """zlib.compress: on-cpu, through native code"""
    return blamed("pack", "pack_answer", "zlib.compress(", "on-cpu")


def uvloop_sleeping():
    """time.sleep under uvloop"""
    return blamed("sleep", "rest_a_while", "time.sleep(0.2)", "blocked", ("clock_nanosleep", "select", "pselect6"), "uvloop")


def uvloop_healthy():
    """uvloop without faults: nothing"""
    with recorded("uvloop", root=200) as recording:
        found = severe(diagnose(recording))
    check(not found, f"reported: {found}")


def second_thread():
    """a loop in a second thread: that thread's frames"""
    return blamed("password", "check_password", "hashlib.pbkdf2_hmac(", "on-cpu", loop="thread")


def in_order(frames, *names):
    """Whether the frames named stand in that order, innermost first, with any others between."""
    at = 0
    for frame in frames:
        at += at < len(names) and names[at] in frame.function
    return at == len(names)


def mixed(path, *names):
    """Checks that most samples of a path are whole and hold these frames in this order."""
    with recorded(**{path: 3}) as recording:
        samples = [sample for sample in Recording(recording).samples
                   if any(names[-1] == frame.function for frame in sample["frames"])]
    check(len(samples) >= 20, f"{len(samples)} samples")
    good = [sample for sample in samples if sample["complete"] and in_order(sample["frames"], *names, "_run_once", "main")]
    bad = next((sample["frames"] for sample in samples if sample not in good), None)
    check(len(good) >= 0.9 * len(samples), f"{len(good)} of {len(samples)} are whole and in order: {bad}")
    check(all("_PyEval_EvalFrameDefault" not in frame.function for sample in good for frame in sample["frames"]),
          "the evaluator is shown beside what it evaluates")
    return f"{len(good)} of {len(samples)} samples, {len(good[0]['frames'])} frames"


def native_code():
    """an application's own native code keeps its callers in Python"""
    return mixed("matrix", "multiply", "multiply_matrix", "serve")


def called_back():
    """Python that native code calls: each on its side of it"""
    return mixed("visit", "busy", "look_at", "visit", "visit_all", "serve")


class Truth(ast.NodeVisitor):
    """The lines of each function of the server, by the name that this version of Python gives it."""

    def __init__(self, qualified):
        self.qualified, self.path, self.lines = qualified, [], collections.defaultdict(set)  # path: of qualified names
        self.visit(ast.parse(SERVER.read_text()))

    def name(self):
        return ".".join(self.path) if self.qualified else self.path[-1]

    def of_function(self, node, name, body):
        first = min([node.lineno] + [item.lineno for item in getattr(node, "decorator_list", [])])
        self.path.append(name)
        self.lines[self.name()].update(range(first, node.end_lineno + 1))
        self.path.append("<locals>")
        for item in body:
            self.visit(item)
        del self.path[-2:]

    def visit_FunctionDef(self, node):
        self.of_function(node, node.name, node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node):
        self.of_function(node, "<lambda>", [node.body])

    def visit_GeneratorExp(self, node):
        self.of_function(node, "<genexpr>", [node.elt, *node.generators])

    def visit_ListComp(self, node):
        self.of_function(node, "<listcomp>", [node.elt, *node.generators])

    def visit_ClassDef(self, node):
        self.path.append(node.name)
        for item in node.body:
            self.visit(item)
        self.path.pop()


# Path -> the functions that its stacks must hold, innermost first; names from before 3.11 are the last parts of these.
KINDS = {
    "generator": ["busy", "generate", "generator.<locals>.<genexpr>", "generator"],
    "comprehension": ["busy", "comprehension"],
    "sorting": ["busy", "sorting.<locals>.<lambda>", "sorting"],
    "decorated": ["busy", "cached", "wrapped.<locals>.wrapper", "decorated"],
    "methods": ["busy", "Stock.value", "Stock.Shelf.price", "methods"],
    "raising": ["busy", "raising"],
    "with": ["busy", "with_statement.<locals>.Resource.__enter__", "with_statement"],
    "unicode": ["busy", "größe", "unicode"],
    "long_line": ["busy", "long_line.<locals>.<lambda>", "long_line"],
    "recursion": ["busy", "recursion", "recursion"],
    "compiled": ["busy", "made", "compiled"],
    "coroutine": ["busy", "innermost", "middle", "coroutine"],
    "asynchronous": ["busy", "asynchronous_items", "asynchronous_generator"],
}
# Between a caller and its callee stands what the caller's line does not name.
INDIRECT = {"<genexpr>": "sum(", "<lambda>": None, "wrapper": None, "__enter__": "with ", "__exit__": "with ",
            "__len__": "len(", "__init__": "Stock(", "value": ".value", "asynchronous_items": "async for", "generate": "generate",
            "<listcomp>": "[", "cached": "function("}


def complaint(truth, frame, callee):
    if frame.line not in truth.lines.get(frame.function, ()):
        return "the line is not its own"
    if not callee:
        return None
    last = callee.function.rpartition(".")[2]
    word = "fault()" if frame.function == "serve" else INDIRECT.get(last, last)
    # A call may span lines; its own is the first of them.
    if word and not any(word in LINES[line - 1] for line in range(frame.line, min(frame.line + 4, len(LINES)) + 1)):
        return f"the line does not call {callee.function}"
    return None


def examine(truth, frames):
    """The first thing that is wrong with the frames of the server's own file."""
    for i, frame in enumerate(frames):
        if frame.module != SERVER.name or not frame.line or frame.function == "<module>":
            continue
        callee = frames[i - 1] if i and frames[i - 1].module == SERVER.name else None
        problem = complaint(truth, frame, callee)
        if problem:
            return f"{frame}: {problem}; the stack: {frames}"
    return None


def kinds_of_code():
    """every kind of code: each frame shown has its own name, and a line that calls the next"""
    qualified = version() >= (3, 11)
    truth = Truth(qualified)
    with work_folder() as folder:
        port, path = free_port(), folder / "python.holter"
        variables = {**environment(port, ""), **preloaded(path)}
        with Server([PYTHON, SERVER], folder, variables, port):
            for _ in range(20):
                get(port)
            for kind in list(KINDS) * 4:
                get(port, "/" + kind)
        samples = [sample for sample in Recording(path).samples if sample["frames"]]
    seen, unnamed, whole = collections.Counter(), 0, 0
    for sample in samples:
        frames = sample["frames"]
        problem = examine(truth, frames)
        check(not problem, problem)
        own = [frame.function for frame in frames]
        unnamed += any(frame.module == SERVER.name and not frame.line for frame in frames)
        whole += "_run_once" in " ".join(own)
        for kind, names in KINDS.items():
            wanted = names if qualified else [name.rpartition(".")[2] for name in names]
            at = 0
            for function in own:
                at += at < len(wanted) and function == wanted[at]
            seen[kind] += at == len(wanted)
    missing = [kind for kind in KINDS if seen[kind] < 10]
    check(not missing, f"hardly seen: {missing} of {dict(seen)}, in {len(samples)} samples")
    deep = seen["recursion"]
    check(whole >= 0.98 * (len(samples) - deep), f"{whole} of {len(samples)} reach the loop")
    check(unnamed <= 0.02 * len(samples), f"{unnamed} of {len(samples)} have a frame without a line")
    return f"{len(samples)} samples, {unnamed} with a frame without a line: {dict(seen)}"


run_cases(healthy, sleeping, hashing, packing, native_code, called_back, kinds_of_code, second_thread, uvloop_healthy,
          uvloop_sleeping)
