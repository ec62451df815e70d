#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 38: a right that is missing is named, together with what works without it; those that are there suffice.

The user is nobody, with one set of capabilities after the other; the process is root's. tracefs is mounted for the user in a
mount namespace of the test's own, as most machines have it.
"""
import contextlib
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from attaching import waits
from harness import HOLTER, PROGRAMS, Skip, check, program, run_cases, without_holter, work_folder

NOBODY = 65534
ENOUGH = ("bpf", "perfmon", "sys_ptrace", "dac_read_search")
TRACEFS = "/sys/kernel/tracing"


def as_nobody(capabilities):
    held = ",".join(f"+{name}" for name in capabilities) or "-all"
    return [program("setpriv"), f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", f"--inh-caps={held}",
            f"--ambient-caps={held}"]


def with_tracefs(command):
    return [program("unshare"), "--mount", "sh", "-c",
            f'test -d {TRACEFS}/events || mount -t tracefs tracefs {TRACEFS}; exec "$@"', "sh", *command]


def run(command):
    return subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                          env=without_holter())


@contextlib.contextmanager
def ticker(*wrapper):
    """The process; readable for others, as root's servers are."""
    if os.geteuid() != 0:
        raise Skip("giving capabilities needs root")
    process = subprocess.Popen([*map(str, wrapper), PROGRAMS / "ticker"], stdin=subprocess.DEVNULL, env=without_holter())
    try:
        yield waits(process.pid, "ticker")
    finally:
        process.kill()
        process.wait()


def culprit_of(done):
    check(done.returncode == 0, f"ended with {done.returncode}: {done.stderr.strip()}")
    return [(finding["culprit"] or {}).get("function") for finding in json.loads(done.stdout)["findings"]]


def check_refused(done, *words):
    check(done.returncode == 3, f"ended with {done.returncode}: {done.stderr.strip()}")
    check(all(word in done.stderr for word in words), f"says {done.stderr.strip()}, and not {words}")


def enough():
    """four capabilities are enough for all of it"""
    with ticker() as pid:
        done = run(with_tracefs([*as_nobody(ENOUGH), HOLTER, "diagnose", "--json", "--method=ebpf", "-p", pid, "-d", "2s"]))
    check("grind_beans" in culprit_of(done), done.stdout[-400:])


def without(name):
    """one of them is missing"""
    rest = [capability for capability in ENOUGH if capability != name]
    with ticker() as pid:
        done = run(with_tracefs([*as_nobody(rest), HOLTER, "diagnose", "--json", "--method=ebpf", "-p", pid, "-d", "1s"]))
    check_refused(done, f"CAP_{name.upper()}")
    if name in ("bpf", "perfmon"):
        check("--method=poll" in done.stderr, f"does not say what works without: {done.stderr.strip()}")


def without_bpf():
    """CAP_BPF is missing"""
    without("bpf")


def without_perfmon():
    """CAP_PERFMON is missing"""
    without("perfmon")


def without_read():
    """CAP_DAC_READ_SEARCH is missing"""
    without("dac_read_search")


def without_tracefs():
    """tracefs is not mounted, and the user cannot mount it"""
    with ticker() as pid:
        done = run([program("unshare"), "--mount", "sh", "-c",
                    f'umount {TRACEFS} 2>/dev/null; umount /sys/kernel/debug 2>/dev/null; exec "$@"', "sh",
                    *as_nobody(ENOUGH), HOLTER, "attach", "--method=ebpf", "-p", pid, "-d", "1s", "-o", "/tmp/never.holter"])
    check_refused(done, "tracefs", "CAP_SYS_ADMIN", "--method=poll")


def nothing():
    """a user without any right attaches to a process of its own, and is told that this shows less"""
    with work_folder() as folder, ticker(*as_nobody(())) as pid:
        os.chmod(folder, 0o777)
        done = run([*as_nobody(()), HOLTER, "attach", "-p", pid, "-d", "1s", "-o", folder / "x.holter"])
        check(done.returncode == 0 and (folder / "x.holter").stat().st_size, f"ended with {done.returncode}: {done.stderr}")
    check("CAP_" in done.stderr and "not observed without eBPF" in done.stderr, f"says {done.stderr.strip()}")


def doctor_agrees():
    """doctor names the same capabilities"""
    done = run(with_tracefs([*as_nobody(()), HOLTER, "doctor", "--json"]))
    checks = {entry["name"]: entry["status"] for entry in json.loads(done.stdout)["machine"]}
    wrong = {name: checks.get(name) for name in (f"CAP_{capability.upper()}" for capability in ENOUGH)
             if checks.get(name) not in ("no", "limited")}
    check(not wrong, f"held, it thinks: {wrong}")


run_cases(enough, without_bpf, without_perfmon, without_read, without_tracefs, nothing, doctor_agrees)
