#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs that cannot be recorded run all the same, after one line that says why."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import HOLTER, Skip, check, program, run_cases, without_holter, work_folder

SOURCE = '#include <stdio.h>\nint main(void) { puts("ran"); return 7; }\n'
NOBODY = 65534


def compiled(folder, compiler, *options):
    """Compiles the program that says "ran" and ends with 7."""
    source, target = folder / "ran.c", folder / "ran"
    source.write_text(SOURCE)
    done = subprocess.run([program(compiler), *options, source, "-o", target], capture_output=True, text=True)
    if done.returncode:
        raise Skip(f"{compiler} {' '.join(options)}: {done.stderr.strip()[-200:]}")
    return target


def check_runs(command, folder, said):
    """The program runs under holter as without it; `said` stands in the only line of complaint (None: there is none)."""
    done = subprocess.run([HOLTER, "run", "-o", folder / "x.holter", "--", *command], capture_output=True, text=True,
                          env=without_holter(), timeout=60)
    check((done.returncode, done.stdout) == (7, "ran\n"), f"ended with {done.returncode}: {done.stdout}{done.stderr}")
    lines = done.stderr.splitlines()
    if said is None:
        check(not lines, f"complains: {lines}")
    else:
        check(len(lines) == 1 and lines[0].startswith("holter: no recording: ") and said in lines[0], f"says {lines}")
    return lines[0] if lines else None


def dynamic():
    """a dynamic program is not complained about"""
    with work_folder() as folder:
        return check_runs([compiled(folder, "gcc")], folder, None)


def static():
    """a static program"""
    with work_folder() as folder:
        return check_runs([compiled(folder, "gcc", "-static")], folder, "linked statically")


def static_pie():
    """a static position-independent program"""
    with work_folder() as folder:
        return check_runs([compiled(folder, "gcc", "-static-pie")], folder, "linked statically")


def musl():
    """a musl program"""
    with work_folder() as folder:
        return check_runs([compiled(folder, "musl-gcc")], folder, "runs on musl")


def script():
    """a script whose interpreter is static"""
    with work_folder() as folder:
        interpreter = compiled(folder, "gcc", "-static")
        path = folder / "script"
        path.write_text(f"#!{interpreter}\n")
        path.chmod(0o755)
        return check_runs([path], folder, f"{interpreter} is linked statically")


def setuid():
    """a setuid program of another user"""
    if os.geteuid() != 0:
        raise Skip("only root can give a file away")
    with work_folder() as folder:
        path = compiled(folder, "gcc")
        os.chown(path, NOBODY, NOBODY)
        path.chmod(0o4755)
        return check_runs([path], folder, "gains privilege")


run_cases(dynamic, static, static_pie, musl, script, setuid)
