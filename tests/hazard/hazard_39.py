#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 39: mount and pid namespaces. A process in a container is attached to like any other; its files may be gone by then.

Containers are made by unshare(1): of their own are the pid, mount, user and network namespaces, and a root folder that holds
one program and its libraries.
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from attaching import is_recording, waits
from harness import HOLTER, PROGRAMS, Fail, Skip, check, diagnose, holter, node, program, run_cases, severe, without_holter, work_folder

NAMESPACES = ["--pid", "--mount", "--user", "--net", "--map-root-user", "--fork"]
SECONDS = "2s"
# By CPU time, so that a busy machine makes it no shorter.
SCRIPT = """function slowHandler() {
	const begin = process.cpuUsage();
	for (let spent = 0; spent < 120000;) {
		const { user, system } = process.cpuUsage(begin);
		spent = user + system;
	}
}
setInterval(slowHandler, 300);
"""


def needs_root():
    if os.geteuid() != 0:
        raise Skip("attaching needs root")


def libraries(binary):
    said = subprocess.run([program("ldd"), binary], capture_output=True, text=True).stdout
    return re.findall(r"(/\S+) \(0x", said)


def small_root(folder, binary, name):
    """A root folder with nothing but a program and its libraries in it."""
    root = folder / "root"
    for source in libraries(binary):
        target = root / source.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    shutil.copy(binary, root / name)
    return root


def child_of(pid):
    """The process that unshare has started in its new pid namespace."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if children:
            return int(children[0])
        time.sleep(0.01)
    raise Fail("unshare has started nothing")


@contextlib.contextmanager
def container(name, *command, options=NAMESPACES):
    """Runs a command in namespaces of its own; gives its pid as seen from here."""
    process = subprocess.Popen([program("unshare"), *options, "--kill-child", "--", *map(str, command)],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env=without_holter(), start_new_session=True)
    try:
        yield waits(child_of(process.pid), name)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextlib.contextmanager
def plain(binary):
    """Runs a program without arguments."""
    process = subprocess.Popen([binary], stdin=subprocess.DEVNULL, start_new_session=True, env=without_holter())
    try:
        yield waits(process.pid, pathlib.Path(binary).name)
    finally:
        process.kill()
        process.wait()


def judged(done):
    """The one stall in what `holter diagnose --json` has said, and the whole of that."""
    check(done.returncode == 0, f"holter diagnose ended with {done.returncode}: {done.stderr.strip()}")
    diagnosis = json.loads(done.stdout)
    return the_stall(diagnosis), diagnosis


def the_stall(diagnosis):
    stalls = [finding for finding in severe(diagnosis) if finding["kind"] == "stall" and finding["culprit"]]
    check(stalls, f"no culprit: {[finding['summary'] for finding in diagnosis['findings']]}")
    return stalls[0]


def live(pid, *options):
    return judged(holter("diagnose", "--json", "-p", pid, "-d", SECONDS, *options))


def check_culprit(stall, function, file=None):
    culprit = stall["culprit"]
    check(culprit["function"] == function, f"blames {culprit['function']}: {stall['summary']}")
    if file:
        check(pathlib.Path(culprit["file"]).name == file and culprit["line"], f"in {culprit['file']}:{culprit['line']}")


def check_numbers(stall, diagnosis):
    """The first process of its namespace is 1 to itself, and so in its recording."""
    numbers = (diagnosis["recording"]["pid"], stall["loop"]["tid"])
    check(numbers == (1, 1), f"its numbers are {numbers}")


def own_namespaces():
    """a server in namespaces of its own"""
    needs_root()
    with container("ticker", PROGRAMS / "ticker", options=[*NAMESPACES, "--mount-proc"]) as pid:
        stall, diagnosis = live(pid)
    check_culprit(stall, "grind_beans", "ticker.c")
    check_numbers(stall, diagnosis)


def own_root():
    """a server in a root of its own, that is gone when the recording is looked at"""
    needs_root()
    with work_folder() as folder:
        root = small_root(folder, PROGRAMS / "ticker", "ticker")
        recording = folder / "x.holter"
        with container("ticker", program("chroot"), root, "/ticker", options=[*NAMESPACES]) as pid:
            done = holter("attach", "-p", pid, "-d", SECONDS, "-o", recording)
            check(done.returncode == 0, f"attach: {done.stderr}")
        shutil.rmtree(root)
        diagnosis = diagnose(recording)
        stall = the_stall(diagnosis)
        check_culprit(stall, "grind_beans", "ticker.c")
        check_numbers(stall, diagnosis)
        modules = {frame.get("module") for frame in stall["culprit"]["stack"]} - {None}
        check(not any(str(folder) in module for module in modules), f"paths that the server does not know: {modules}")


def gone_meanwhile():
    """a container that ends while it is watched, and is removed at once"""
    needs_root()
    with work_folder() as folder:
        root = small_root(folder, PROGRAMS / "ticker", "ticker")
        recording = folder / "x.holter"
        with container("ticker", program("chroot"), root, "/ticker") as pid:
            tool = subprocess.Popen([HOLTER, "attach", "-p", str(pid), "-d", "30s", "-o", recording], stdin=subprocess.DEVNULL,
                                    stderr=subprocess.PIPE, text=True, env=without_holter())
            is_recording(recording)
            time.sleep(3)
            shutil.rmtree(root)
        said = tool.communicate(timeout=60)[1]
        check(tool.returncode == 0 and "ended while it was watched" in said, f"attach: {tool.returncode}: {said}")
        check_culprit(the_stall(diagnose(recording)), "grind_beans", "ticker.c")


def node_in_root():
    """a Node in a root of its own, where nothing else is"""
    needs_root()
    with work_folder() as folder:
        root = small_root(folder, node(), "node")
        (root / "slow.js").write_text(SCRIPT)
        with container("node", program("chroot"), root, "/node", "/slow.js") as pid:
            stall, diagnosis = live(pid)
        check_culprit(stall, "slowHandler", "slow.js")
        check(stall["culprit"]["file"] == "/slow.js", f"in {stall['culprit']['file']}")
        check(diagnosis["recording"]["runtime"].startswith("node "), diagnosis["recording"]["runtime"])
        check_numbers(stall, diagnosis)


def python_in_namespaces():
    """a Python in namespaces of its own"""
    needs_root()
    source = """import asyncio, time
def slow_handler():
    end = time.thread_time() + 0.12
    while time.thread_time() < end: pass
async def main():
    while True:
        slow_handler()
        await asyncio.sleep(0.2)
asyncio.run(main())
"""
    interpreter = "/usr/bin/python3"
    if not os.path.exists(interpreter):
        raise Skip(f"there is no {interpreter}")
    with work_folder() as folder:
        (folder / "slow.py").write_text(source)
        with container("python3", interpreter, folder / "slow.py", options=[*NAMESPACES, "--mount-proc"]) as pid:
            stall, diagnosis = live(pid)
        check_culprit(stall, "slow_handler", "slow.py")
        check_numbers(stall, diagnosis)


BECOMES_TICKER = 'until ls -l /proc/$below/fd | grep -q eventpoll; do sleep 0.1; done'


def tool_inside(script, **settings):
    """Runs a script of the shell as the first process of a pid namespace: `holter` and `ticker` are variables of it."""
    done = subprocess.run([program("unshare"), "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", script],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                          env={**without_holter(), "holter": HOLTER, "ticker": str(PROGRAMS / "ticker"), **settings})
    return judged(done)


def tool_in_namespace():
    """the tool and the server in one pid namespace that is not the first"""
    needs_root()
    stall, diagnosis = tool_inside(f'$ticker & below=$!; {BECOMES_TICKER}; $holter diagnose --json -p $below -d {SECONDS}')
    check_culprit(stall, "grind_beans", "ticker.c")
    check(diagnosis["recording"]["pid"] == stall["loop"]["tid"] == 2, f"its numbers are {diagnosis['recording']}, {stall['loop']}")


def tool_between():
    """the tool in a pid namespace, the server in one below"""
    needs_root()
    stall, diagnosis = tool_inside(
        'unshare --pid --fork --kill-child $ticker & above=$!; below=; '
        'until [ "$below" ]; do sleep 0.1; read below < /proc/$above/task/$above/children; done; '
        f'{BECOMES_TICKER}; $holter diagnose --json -p $below -d {SECONDS}')
    check_culprit(stall, "grind_beans", "ticker.c")
    check_numbers(stall, diagnosis)


def deleted_program():
    """a program that is deleted while it runs"""
    needs_root()
    with work_folder() as folder:
        binary, recording = folder / "ticker", folder / "x.holter"
        shutil.copy(PROGRAMS / "ticker", binary)
        with plain(binary) as pid:
            binary.unlink()
            check_culprit(live(pid, "-o", recording)[0], "grind_beans", "ticker.c")
        check_culprit(the_stall(diagnose(recording)), "grind_beans", "ticker.c")


def replaced_program():
    """a program that is upgraded while it runs: the names are those of what runs"""
    needs_root()
    with work_folder() as folder:
        binary, recording = folder / "ticker", folder / "x.holter"
        shutil.copy(PROGRAMS / "ticker", binary)
        with plain(binary) as pid:
            shutil.copy(PROGRAMS / "ticker_upgraded", folder / "new")
            (folder / "new").rename(binary)
            check_culprit(live(pid, "-o", recording)[0], "grind_beans", "ticker.c")
        check_culprit(the_stall(diagnose(recording)), "grind_beans", "ticker.c")
        with plain(binary) as pid:  # the control: the file that is there now says something else
            check_culprit(live(pid)[0], "grind_flour", "ticker.c")


def replaced_node():
    """a Node that is upgraded while it runs"""
    needs_root()
    with work_folder() as folder:
        binary, script = folder / "node", folder / "slow.js"
        shutil.copy(node(), binary)
        script.write_text(SCRIPT)
        process = subprocess.Popen([binary, script], stdin=subprocess.DEVNULL, env=without_holter())
        try:
            waits(process.pid, "node")
            binary.unlink()
            binary.write_text("#!/bin/sh\n")
            stall, diagnosis = live(process.pid)
            check_culprit(stall, "slowHandler", "slow.js")
            check(diagnosis["recording"]["runtime"].startswith("node "), diagnosis["recording"]["runtime"])
        finally:
            process.kill()
            process.wait()


run_cases(own_namespaces, own_root, gone_meanwhile, node_in_root, python_in_namespaces, tool_in_namespace, tool_between, deleted_program,
          replaced_program, replaced_node)
