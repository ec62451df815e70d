#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each room sees only the rooms it may use.     rooms.py BUILD

The build gives each room's files the include folders of its dependencies and no others, so that a forbidden include does
not compile. This checks that the build still does so, and that nobody goes round it.
"""
import re
import sys

import sources

# room: the rooms whose headers it may include (ARCHITECTURE.md)
MAY_USE = {
    "base": set(),
    "record": {"base"},
    "unwind": {"base"},
    "lang": {"base", "record", "unwind"},
    "observe": {"base", "lang", "record", "unwind"},
    "preload": {"base", "lang", "observe", "record", "unwind"},
    "attach": {"base", "lang", "observe", "record", "symbol", "unwind"},
    "symbol": {"base", "record"},
    "analyze": {"base", "record", "symbol"},
    "render": {"analyze", "base", "record"},
}

build = sys.argv[1]
complaints = []
rooms = sources.TOP / "src"

for path, arguments in sources.compilations(build).items():
    if rooms not in path.parents:
        continue
    room = path.relative_to(rooms).parts[0]
    if room not in MAY_USE:
        complaints.append(f"{path}: the room {room} has no line in {__file__}")
        continue
    seen = {folder.relative_to(rooms).parts[0] for folder in sources.include_folders(arguments, build)
            if rooms in folder.parents}
    complaints += [f"{path}: compiled with a view of {other}" for other in sorted(seen - MAY_USE[room] - {room})]

for path in sources.sources(".c", ".h"):
    text = path.read_text()
    complaints += [f"{path}: includes {name} by its place, not by its room"
                   for name in re.findall(r'^\s*#\s*include\s+"([^"]*/[^"]*)"', text, re.MULTILINE)
                   if name != "holter/holter.h"]
    if path.suffix == ".h" and "\n#pragma once\n" not in text:
        complaints.append(f"{path}: lacks #pragma once")

sources.verdict(complaints)
