#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs that cannot be recorded run all the same, after one line that says why; `holter doctor` says what holds."""
import json
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import HOLTER, Skip, check, holter, program, run_cases, without_holter, work_folder

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


def doctor(*arguments):
    done = holter("doctor", "--json", *arguments)
    check(done.returncode == 0, f"ended with {done.returncode}: {done.stderr}")
    answer = json.loads(done.stdout)
    return {check["name"]: check for check in answer["machine"] + answer.get("process", [])}


def asleep(pid):
    with open(f"/proc/{pid}/syscall") as file:
        return file.read().split()[0] in ("35", "230")  # nanosleep, clock_nanosleep


def doctor_machine():
    """doctor tries this machine, and is honest about attach"""
    checks = doctor()
    check(checks["preload library"]["status"] == "ok", checks["preload library"])
    check(checks["safe memory reads"]["status"] == "ok", checks["safe memory reads"])
    check(checks["attach"]["status"] == "no" and checks["attach"]["advice"], checks["attach"])
    done = holter("doctor", environment={"HOLTER_DIR": "/proc/holter"})
    check("no       recordings folder" in done.stdout, done.stdout)


def doctor_process():
    """doctor tells a recorded process from one that is not"""
    sleep = [program("sleep"), "60"]
    with work_folder() as folder:
        for command, preloaded in ((sleep, "no"), ([HOLTER, "run", "-o", folder / "x.holter", "--", *sleep], "ok")):
            process = subprocess.Popen(command, env=without_holter())
            try:
                # Until it has become the program, and the loader is done.
                while not os.readlink(f"/proc/{process.pid}/exe").endswith("sleep") or not asleep(process.pid):
                    time.sleep(0.01)
                checks = doctor("-p", process.pid)
            finally:
                process.kill()
                process.wait()
            check(checks["preloaded"]["status"] == preloaded, checks["preloaded"])
            check(checks["runtime"]["what"] == "native code", checks["runtime"])


def doctor_static():
    """doctor on a static process, and on one that is gone"""
    with work_folder() as folder:
        (folder / "wait.c").write_text("#include <unistd.h>\nint main(void) { return sleep(60); }\n")
        done = subprocess.run([program("gcc"), "-static", folder / "wait.c", "-o", folder / "wait"], capture_output=True)
        if done.returncode:
            raise Skip("gcc cannot link statically here")
        process = subprocess.Popen([folder / "wait"])
        checks = doctor("-p", process.pid)
        process.kill()
        process.wait()
        check(checks["program"]["status"] == "no" and "statically" in checks["program"]["what"], checks["program"])
        gone = holter("doctor", "-p", process.pid)
        check(gone.returncode == 4 and len(gone.stderr.splitlines()) == 1, f"{gone.returncode}: {gone.stderr}")


def doctor_node():
    """doctor knows Node and its version"""
    node = shutil.which("node")
    if not node:
        raise Skip("no node here")
    process = subprocess.Popen([node, "-e", "console.log('up'); setInterval(() => {}, 1000)"], stdout=subprocess.PIPE,
                               env=without_holter())
    try:
        process.stdout.readline()
        runtime = doctor("-p", process.pid)["runtime"]
    finally:
        process.kill()
        process.wait()
    version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout.strip().lstrip("v")
    check(version in runtime["what"] or runtime["status"] == "limited", runtime)
    return runtime["what"]


run_cases(dynamic, static, static_pie, musl, script, setuid, doctor_machine, doctor_process, doctor_static, doctor_node)
