#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What Holter's code in the server asks of others, and offers them, compared with the lists beside this file.

    symbols.py tier-a LIBRARY.a ...      undefined symbols of all tier A objects together: tier-a.txt
    symbols.py undefined libholter.so    dynamic undefined symbols with their versions: libholter-undefined.txt
    symbols.py defined libholter.so      dynamic defined symbols: libholter-defined.txt
    symbols.py tls libholter.so          thread-local storage (hazards 4, 5)
    symbols.py versions libholter.so     required versions of the C library (hazard 26)

A line of a list is a symbol, with the reason after a '#' where the name does not say it. A '?' before the symbol: whether
it appears depends on the compiler. After a change that is meant: `HOLTER_UPDATE=1 symbols.py ...` rewrites the list.
"""
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
NEWEST_GLIBC = (2, 28)
TLS_BYTES = 128


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def nm(*arguments):
    """Symbol names as nm prints them, versions included."""
    return {line.split()[-1] for line in output("nm", *arguments).splitlines() if re.search(r" [A-Za-z] \S+$", line)}


def tier_a(*libraries):
    return nm("-u", *libraries) - nm("--defined-only", "--extern-only", *libraries)


def undefined(library):
    return nm("-D", "-u", library)


def defined(library):
    return nm("-D", "--defined-only", library)


def compare(actual, name):
    """Complains about what is not listed, and about what is listed in vain."""
    path = HERE / f"{name}.txt"
    text = path.read_text() if path.exists() else ""
    lines = {}
    for line in text.splitlines():
        symbol = line.split("#")[0].strip()
        if symbol:
            lines[symbol.lstrip("?")] = line
    if os.environ.get("HOLTER_UPDATE"):
        head = [line for line in text.splitlines() if line.startswith("#")]
        kept = actual | {symbol for symbol, line in lines.items() if line.startswith("?")}
        path.write_text("\n".join(head + [lines.get(symbol, symbol) for symbol in sorted(kept)]) + "\n")
        return []
    complaints = [f"{symbol} is not in {path}" for symbol in sorted(actual - set(lines))]
    return complaints + [f"{symbol} is in {path} without need" for symbol, line in sorted(lines.items())
                         if symbol not in actual and not line.startswith("?")]


def tls(library):
    complaints = [f"{symbol}: dynamic thread-local storage, which may allocate (hazard 4)"
                  for symbol in undefined(library) if symbol.startswith("__tls_get_addr")]
    for line in output("readelf", "-lW", library).splitlines():
        found = re.match(r"\s*TLS\s+(?:0x\S+\s+){4}0x(\w+)", line)
        if found and int(found[1], 16) > TLS_BYTES:
            complaints.append(f"{int(found[1], 16)} bytes of static thread-local storage, {TLS_BYTES} allowed (hazard 5)")
    # Relocations of the general-dynamic model, by which the loader would allocate.
    if re.search(r"R_X86_64_(DTPMOD64|TLSDESC)", output("readelf", "-rW", library)):
        complaints.append("a relocation of the dynamic TLS model (hazard 4)")
    return complaints


def versions(library):
    complaints = []
    for version in set(re.findall(r"GLIBC_([\d.]+)", output("readelf", "-VW", library))):
        if tuple(map(int, version.split("."))) > NEWEST_GLIBC:
            users = ", ".join(symbol for symbol in sorted(undefined(library)) if symbol.endswith(f"@GLIBC_{version}"))
            complaints.append(f"GLIBC_{version} is newer than 2.28: {users} (hazard 26)")
    return complaints


CHECKS = {
    "tier-a": lambda *files: compare(tier_a(*files), "tier-a"),
    "undefined": lambda file: compare(undefined(file), "libholter-undefined"),
    "defined": lambda file: compare(defined(file), "libholter-defined"),
    "tls": tls,
    "versions": versions,
}


def main():
    complaints = CHECKS[sys.argv[1]](*sys.argv[2:])
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
