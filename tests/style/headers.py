#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every header compiles alone, with the view that its own room has.     headers.py BUILD"""
import subprocess
import sys

import sources

build = sys.argv[1]
compiled = sources.compilations(build)
by_folder = {}
for path, arguments in compiled.items():
    by_folder.setdefault(path.parent, arguments)

complaints = []
for header in sources.sources(".h"):
    arguments = compiled.get(header.with_suffix(".c")) or by_folder.get(header.parent, ["cc", "-std=gnu11"])
    flags = [argument for argument in arguments[1:] if argument.startswith(("-I", "-D", "-std", "-isystem"))]
    done = subprocess.run([arguments[0], *flags, "-Wall", "-Wextra", "-fsyntax-only", "-x", "c", "-"], cwd=build, text=True,
                          input=f'#include "{header}"\n', stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode or done.stdout:
        complaints.append(f"{header} does not compile alone:\n{done.stdout}")

sources.verdict(complaints)
