#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 24: a tool that ends its host because it does not like the environment."""
import os
import random
import re
import resource
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import LIBRARY, PROGRAMS, Recording, Skip, check, preloaded, program, run_cases, work_folder

SERVER = PROGRAMS / "24_serve"
SETTINGS = ("HOLTER_OUT", "HOLTER_DIR", "HOLTER_THRESHOLD_MS", "HOLTER_INTERVAL_MS", "HOLTER_MAX_SIZE", "HOLTER_NO_SIGNALS",
            "HOLTER_DISABLE", "XDG_STATE_HOME", "TMPDIR", "HOME")
NUMBERS = (b"", b"0", b"-1", b"1", b"18446744073709551616", b"1e9", b"5M5", b"%n%s", b"0x10", b" 7", b"NaN")
ROUNDS = 25
NOBODY = 65534


def serve(what, environment, command=(SERVER,), limits=(), user=None, close=()):
    def prepare():
        for limit, value in limits:
            resource.setrlimit(limit, (value, value))
        for descriptor in close:
            os.close(descriptor)

    done = subprocess.run(command, env=environment, capture_output=True, timeout=60, preexec_fn=prepare, user=user)
    check(done.returncode == 0, f"{what}: status {done.returncode}: {done.stderr[-300:]}")
    return done.stderr


def check_line(what, said):
    check(not said or re.fullmatch(rb"holter: no recording: [^\x00-\x1f\x7f]*\n", said), f"{what}: {said}")


def settings():
    """settings of all kinds, odd, hostile, huge: the server starts and serves, with one line about its recording at most"""
    chance = random.Random(24)

    def value(folder):
        return chance.choice((*NUMBERS, os.fsencode(folder), b"/dev/full", b"/proc/self/mem", b"/proc", b"/dev/null/x", b"relative/x",
                              b"/" * 5000, b"a" * 100000, b"/tmp/" + b"b" * 300, b"/" + b"c/" * 2500, b"\xff\xfe\n\x1b[2J", b"."))

    with work_folder() as folder:
        os.mkfifo(folder / "fifo")
        (folder / "loop").symlink_to("loop")
        for name in ("fifo", "loop"):
            check_line(name, serve(name, {"LD_PRELOAD": LIBRARY, "HOLTER_OUT": str(folder / name)}))
        for number in range(ROUNDS):
            environment = {b"LD_PRELOAD": os.fsencode(LIBRARY), **{
                os.fsencode(name): value(folder) for name in SETTINGS if chance.random() < 0.6}}
            said = serve(f"round {number}, {str(environment)[:400]}", environment, ("sh", "-c", f"cd {folder}; exec {SERVER}"))
            check_line(f"round {number}", said)


def loader():
    """LD_PRELOAD and the loader's other variables in odd forms"""
    for extra in ({"LD_PRELOAD": f"{LIBRARY}:{LIBRARY}"}, {"LD_PRELOAD": f" {LIBRARY}  : "}, {"LD_PRELOAD": f"/nowhere.so:{LIBRARY}"},
                  {"LD_BIND_NOW": "1"}, {"LD_LIBRARY_PATH": "/nowhere::"}, {"GLIBC_TUNABLES": "glibc.rtld.optional_static_tls=0"},
                  {"MALLOC_PERTURB_": "165"}, {"MALLOC_ARENA_MAX": "1", "LD_WARN": "1"}):
        with work_folder() as folder:
            serve(extra, {**preloaded(folder / "x.holter"), **extra})
            check(Recording(folder / "x.holter").stalls, f"{extra}: nothing is recorded")


def limits():
    """limits that leave hardly anything: memory, stack, threads, descriptors, file sizes, signals"""
    for name, value in (("AS", 24 << 20), ("AS", 40 << 20), ("DATA", 4 << 20), ("STACK", 64 << 10), ("STACK", 256 << 10), ("NPROC", 1),
                        ("NOFILE", 7), ("FSIZE", 0), ("FSIZE", 4096), ("SIGPENDING", 0), ("MEMLOCK", 0), ("CORE", 0)):
        limit = (getattr(resource, f"RLIMIT_{name}", 11 if name == "SIGPENDING" else None), value)
        with work_folder() as folder:
            folder.chmod(0o777)
            serve(f"{name} {value} plain", {}, limits=[limit])
            serve(f"{name} {value}", preloaded(folder / "x.holter"), limits=[limit], user=NOBODY if os.geteuid() == 0 else None)


def descriptors():
    """without standard input, output or error"""
    for close in ((0,), (1,), (2,), (0, 1, 2)):
        with work_folder() as folder:
            serve(close, preloaded(folder / "x.holter"), close=close)
            check(Recording(folder / "x.holter").stalls, f"{close}: nothing is recorded")


def without_proc():
    """without /proc, and in a folder that is gone"""
    if os.geteuid() != 0:
        raise Skip("only root can take /proc away")
    with work_folder() as folder:
        settings = " ".join(f"{key}={value}" for key, value in preloaded(folder / "x.holter").items())
        serve("no /proc", {}, (program("unshare"), "-m", "sh", "-c", f"umount -l /proc && exec env {settings} {SERVER}"))
        serve("no folder", {}, ("sh", "-c", f"mkdir {folder}/gone; cd {folder}/gone; rmdir {folder}/gone; exec env {settings} {SERVER}"))


def kept_capabilities():
    """a program that changes its user and keeps capabilities, which are one thread's own"""
    if os.geteuid() != 0:
        raise Skip("only root has capabilities to keep")
    with work_folder() as folder:
        folder.chmod(0o700)
        command = (program("setpriv"), "--reuid", str(NOBODY), "--clear-groups", program("true"))
        said = serve("setpriv", preloaded(folder / "x.holter"), command)
        check(not said and not list(folder.iterdir()), f"{said}, {list(folder.iterdir())}")


def no_way_out():
    """nothing in the library can end the process: it knows none of the functions that do"""
    text = subprocess.run([program("nm"), "-D", "-u", LIBRARY], check=True, capture_output=True, text=True).stdout
    used = {line.split()[-1].split("@")[0] for line in text.splitlines()}
    ends = used & {"exit", "_exit", "_Exit", "quick_exit", "abort", "raise", "kill", "__assert_fail", "__assert", "__stack_chk_fail",
                   "__fortify_fail", "pthread_exit", "err", "error", "execve"}
    check("memcpy" in used and not ends, f"it can call {ends}")


run_cases(settings, loader, limits, descriptors, without_proc, kept_capabilities, no_way_out)
