#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every C file is as clang-format leaves it."""
import re
import shutil
import subprocess
import sys

import sources

VERSION = 14  # others break lines elsewhere; Debian 12 has this one

tool = shutil.which(f"clang-format-{VERSION}") or shutil.which("clang-format")
found = tool and re.search(r"version (\d+)", subprocess.run([tool, "--version"], capture_output=True, text=True).stdout)
if not found or int(found[1]) != VERSION:
    print(f"needs clang-format {VERSION}")
    sys.exit(sources.SKIP)

done = subprocess.run([tool, "--dry-run", *sources.sources(".c", ".h")], stderr=subprocess.PIPE, text=True)
wrong = sorted(set(re.findall(r"^(/.+?):\d+:\d+: warning: code should be clang-formatted", done.stderr, re.MULTILINE)))
sources.verdict([f"{path} is not as clang-format leaves it" for path in wrong])
