#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 37: another kernel has other tracepoints, other types, and another verifier.

Each part that it lacks or refuses is left out by itself: the tool names what cannot be seen for that, and the rest works. Which kernels
were really tried is said in LIMITS.md; this one is made to look like others here (36_other_kernel.c).
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from attaching import attach, begin, finish, wants_root
from harness import PROGRAMS, Server, check, diagnose, free_port, holter, run_cases, severe, work_folder

LIBRARY = {"LD_PRELOAD": str(PROGRAMS / "36_other_kernel.so")}
# What is refused or not there, and what cannot be seen for that; the server waits by epoll_wait.
REFUSED = {"enter_poll": ["by poll", "by ppoll"], "enter_select": ["by select", "by pselect6"],
           "on_fork": ["children of the process"], "on_exec": ["another program"], "seed": ["going on before"]}
LACKING = {"syscalls/sys_enter_epoll_pwait2": ["by epoll_pwait2"], "syscalls/sys_exit_ppoll": ["by ppoll"]}
SLEEPER = """
import select, socket, sys, time
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener, select.epoll() as loop:
    loop.register(listener, select.EPOLLIN)
    while True:
        for _ in loop.poll(0.1):
            listener.accept()[0].close()
        time.sleep(0.1)
"""
NEEDED = ["on_switch", "on_wakeup", "on_exit", "on_clock"]


def without(variable, names):
    wants_root()
    port = free_port()
    with work_folder() as folder, Server([PROGRAMS / "35_target", port], folder, port=port) as server:
        for name, sights in names.items():
            path = folder / f"{name.replace('/', '-')}.holter"
            said = attach(server.process.pid, path, "2500ms", "--method", "ebpf", "--children",
                          environment={**LIBRARY, variable: name})
            lines = [line for line in said.splitlines() if "cannot be seen here" in line]
            check(len(lines) == len(sights), f"without {name}: says {said!r}")
            for line, sight in zip(lines, sights):
                check(sight in line, f"without {name}: says {said!r}")
                check(sight in holter("diagnose", path).stdout.partition("Not observed")[2], f"the recording without {name} is silent")
            found = diagnose(path)["findings"]
            check(found and found[0]["stall"]["count"] >= 2, f"without {name}: {found}")


def refused():
    """each program that can be spared is refused in turn: that is named, and stalls are seen all the same"""
    without("OTHER_REFUSES", REFUSED)


def lacking():
    """so is each tracepoint that is not there"""
    without("OTHER_LACKS", LACKING)


def needed():
    """without a program that cannot be spared it does not begin, and says which it was"""
    wants_root()
    port = free_port()
    with work_folder() as folder, Server([PROGRAMS / "35_target", port], folder, port=port) as server:
        for name in NEEDED:
            tool = begin(server.process.pid, folder / "x.holter", "2s", "--method", "ebpf",
                         environment={**LIBRARY, "OTHER_REFUSES": name})
            said = finish(tool, 5)
            check(name in said, f"says {said!r}")


def silent_switch():
    """where the scheduler does not tell how a thread leaves its CPU, its own record does: the causes are the same"""
    wants_root()
    port = free_port()
    with work_folder() as folder, Server([sys.executable, "-c", SLEEPER, port], folder, port=port) as server:
        path = folder / "x.holter"
        attach(server.process.pid, path, "3s", "--method", "ebpf", environment={**LIBRARY, "OTHER_SWITCH": "1"})
        causes = [finding["cause"] for finding in diagnose(path)["findings"]]
        check(causes == ["blocked"], f"finds {causes}")


def its_own_wait():
    """without its own wait call a loop is not seen, and that is said: never that there is no problem"""
    wants_root()
    port = free_port()
    with work_folder() as folder, Server([PROGRAMS / "35_target", port], folder, port=port) as server:
        path = folder / "x.holter"
        said = attach(server.process.pid, path, "2s", "--method", "ebpf",
                      environment={**LIBRARY, "OTHER_LACKS": "syscalls/sys_enter_epoll_wait"})
        check("by epoll_wait" in said, f"says {said!r}")
        text = holter("diagnose", path).stdout
        check(not severe(diagnose(path)), text)
        check("by epoll_wait" in text.partition("Not observed")[2], text)


run_cases(refused, lacking, needed, silent_switch, its_own_wait)
