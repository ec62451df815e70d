#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The published list of limits is the tool's own, and every limit's check exists.     limits.py HOLTER

After a change that is meant: `HOLTER_UPDATE=1 limits.py HOLTER` writes LIMITS.md anew.
"""
import json
import os
import subprocess
import sys

import sources

PUBLISHED = sources.TOP / "LIMITS.md"


def doctor(*arguments):
    """What `holter doctor` prints; its status says what it found, which is not the question here."""
    return subprocess.run([sys.argv[1], "doctor", *arguments], stdout=subprocess.PIPE, text=True).stdout


printed = doctor("--limits", "--markdown")
if os.environ.get("HOLTER_UPDATE"):
    PUBLISHED.write_text(printed)
complaints = []
if not PUBLISHED.exists() or PUBLISHED.read_text() != printed:
    complaints.append(f"{PUBLISHED} is not what `holter doctor --limits --markdown` prints (HOLTER_UPDATE=1 rewrites it)")

limits = json.loads(doctor("--limits", "--json"))["limits"]
examined = json.loads(doctor("--json", "-p", str(os.getpid())))
checks = {check["name"] for check in examined["machine"] + examined["process"]}
names = [limit["name"] for limit in limits]
complaints += [f"there are {names.count(name)} limits called {name}" for name in set(names) if names.count(name) > 1]
complaints += [f"{limit['name']}: there is no check \"{limit['check']}\"" for limit in limits
               if limit["check"] is not None and limit["check"] not in checks]
complaints += [f"{limit['name']}: lacks its {field}" for limit in limits for field in ("what", "why", "advice")
               if not limit[field]]
sources.verdict(complaints if limits else ["holter lists no limits"])
