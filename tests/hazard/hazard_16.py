#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 16: LD_PRELOAD goes on to every program that the server starts."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import LIBRARY, Recording, Skip, check, program, run_cases, run_program, work_folder

# Counts its threads, waits nine times on one epoll descriptor, and says where it came from.
HELPER = """
#include <dirent.h>
#include <stdio.h>
#include <sys/epoll.h>
int main(void) {
	struct epoll_event event;
	int loop = epoll_create1(EPOLL_CLOEXEC), threads = -2;
	for (int i = 0; i < 9; i++) epoll_wait(loop, &event, 1, 1);
	DIR *folder = opendir("/proc/self/task");
	while (readdir(folder)) threads++;
	printf("%d thread\\n", threads);
	return 7;
}
"""
# Without any library: those for 32 bits may not be there.
NARROW = """
void _start(void) {
	__asm__ volatile("int $0x80" : : "a"(4), "b"(1), "c"("narrow\\n"), "d"(7) : "memory");
	__asm__ volatile("int $0x80" : : "a"(1), "b"(7));
}
"""


def compiled(folder, name, source, *options):
    path = folder / f"{name}.c"
    path.write_text(source)
    done = subprocess.run([program("gcc"), *options, path, "-o", folder / name], capture_output=True, text=True)
    if done.returncode:
        raise Skip(f"gcc {' '.join(options)}: {done.stderr.strip()[-200:]}")
    return folder / name


def set_user(folder):
    if os.geteuid() != 0:
        raise Skip("only root can make a program that changes its user")
    path = compiled(folder, "setuid", HELPER)
    os.chown(path, 65534, 65534)
    path.chmod(0o4755)
    return path


def started(what, *makers):
    def run():
        with work_folder() as folder:
            output = folder / "recordings"
            commands = [str(maker(folder)) if callable(maker) else maker for maker in makers]
            plain = run_program("16_helpers", *commands)
            done = run_program("16_helpers", *commands, environment={
                "LD_PRELOAD": LIBRARY, "HOLTER_DIR": str(output), "HOLTER_THRESHOLD_MS": "5", "HOLTER_INTERVAL_MS": "1"})
            check("status" in plain.stdout, f"without Holter: {plain}")
            check((done.returncode, done.stdout, done.stderr) == (plain.returncode, plain.stdout, plain.stderr),
                  f"{done.stdout}{done.stderr} -- without Holter: {plain.stdout}{plain.stderr}")
            files = list(output.glob("*.holter"))
            check(len(files) == 1 and Recording(files[0]).samples, f"recordings: {files}")

    run.__doc__ = what
    return run


run_cases(started("an ordinary helper has one thread and writes no file", lambda folder: compiled(folder, "plain", HELPER)),
          started("a static helper", lambda folder: compiled(folder, "static", HELPER, "-static")),
          started("a helper for 32 bits", lambda folder: compiled(folder, "narrow", NARROW, "-m32", "-nostdlib", "-static")),
          started("a helper that changes its user", set_user),
          started("scripts and pipelines", "echo one | cat | sed s/one/two/", "python3 -c 'import subprocess; "
                  "print(subprocess.run([\"true\"], capture_output=True).returncode)'", "false"))
