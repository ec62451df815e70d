#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every command, option and annotation has its place in the manual pages, and the pages name no others.

    man.py HOLTER
"""
import re
import subprocess
import sys

import sources

MAN = sources.TOP / "man"


def page(name):
    path = MAN / f"{name}.1.scd"
    return path.read_text() if path.exists() else ""


def options_of(text):
    """The long options that a page explains, as often as it does: lines of its section OPTIONS that begin with one."""
    section = re.search(r"^# OPTIONS\n(.*?)(?=^# |\Z)", text, re.MULTILINE | re.DOTALL)
    lines = re.findall(r"^\*-.*", section[1] if section else "", re.MULTILINE)
    return [option for line in lines for option in re.findall(r"\*(--[a-z-]+)\*", line)]


listed = subprocess.run([sys.argv[1], "--list-options"], check=True, stdout=subprocess.PIPE, text=True).stdout
commands = {}
for line in listed.splitlines():
    command, *option = line.split()
    commands.setdefault(command, set()).update(option)

complaints = []
overview = page("holter")
for command, options in commands.items():
    text = page(f"holter-{command}")
    if not text.startswith(f"holter-{command}(1)"):
        complaints.append(f"man/holter-{command}.1.scd: is not the page of the command {command}")
    if f"*holter-{command}*(1)" not in overview:
        complaints.append(f"man/holter.1.scd: does not mention {command}")
    explanations = options_of(text)
    explained = set(explanations)
    complaints += [f"man/holter-{command}.1.scd: explains {option} twice" for option in sorted(explained)
                   if explanations.count(option) > 1]
    complaints += [f"man/holter-{command}.1.scd: does not explain {option}" for option in sorted(options - explained)]
    complaints += [f"man/holter-{command}.1.scd: explains {option}, which {command} has not"
                   for option in sorted(explained - options)]
complaints += [f"{path}: is of no command" for path in MAN.glob("holter-*.scd")
               if path.name.removeprefix("holter-").removesuffix(".1.scd") not in commands]

# The functions of the header, and those that its page explains.
header = (sources.TOP / "include" / "holter" / "holter.h").read_text()
declared = set(re.findall(r"^static inline .*?\b(\w+)\(", header, re.MULTILINE))
shown = set(re.findall(r"\*(holter_\w+)\*\(", (MAN / "holter.h.3.scd").read_text()))
complaints += [f"man/holter.h.3.scd: does not explain {name}" for name in sorted(declared - shown)]
complaints += [f"man/holter.h.3.scd: explains {name}, which holter.h has not" for name in sorted(shown - declared)]
sources.verdict(complaints if commands else ["holter lists no commands"])
