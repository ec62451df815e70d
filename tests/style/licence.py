#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every source file names its licence near its head."""
import shutil
import subprocess

import sources

tracked = []
if shutil.which("git"):
    tracked = subprocess.run(["git", "-C", sources.TOP, "ls-files", "-z"], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True).stdout.split("\0")
paths = [sources.TOP / name for name in tracked if name] or sources.sources(".c", ".h", ".py", ".js", ".proto", "")


def needs_one(path):
    with open(path, "rb") as file:
        head = file.read(512)
    code = path.suffix in (".c", ".h", ".cc", ".py", ".js", ".sh", ".proto", ".build", ".map") or head.startswith(b"#!")
    return code and b"SPDX-License-Identifier: " not in head


sources.verdict([f"{path}: has no SPDX line" for path in paths if path.is_file() and needs_one(path)])
