#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""clang-tidy has nothing to say about any C file.     tidy.py BUILD"""
import concurrent.futures
import os
import shutil
import subprocess
import sys

import sources

build = sys.argv[1]
tool = shutil.which("clang-tidy")
if not tool:
    print("needs clang-tidy")
    sys.exit(sources.SKIP)


def check(path):
    # The flags and attributes are gcc's; clang need not know all of them.
    done = subprocess.run([tool, "-p", build, "--quiet", "--extra-arg=-Wno-unknown-warning-option",
                           "--extra-arg=-Wno-unknown-attributes", path],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.stdout if done.returncode else ""


with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    sources.verdict(list(filter(None, pool.map(check, sources.compilations(build)))))
