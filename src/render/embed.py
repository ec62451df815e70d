#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes text files as C string constants.     embed.py OUTPUT.h FILE ...

flame.js becomes `static const char embedded_flame_js[]`.
"""
import pathlib
import sys

ESCAPES = {ord("\\"): "\\\\", ord('"'): '\\"', ord("\t"): "\\t", ord("?"): "\\?"}  # \? : no trigraphs


def literal(line):
    # Bytes above 7f as three octal digits: a longer escape would swallow what follows.
    return "".join(ESCAPES.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}") for byte in line)


with open(sys.argv[1], "w", encoding="ascii") as output:
    for name in map(pathlib.Path, sys.argv[2:]):
        output.write(f"static const char embedded_{name.name.replace('.', '_')}[] =\n")
        for line in name.read_bytes().splitlines():
            output.write(f'\t"{literal(line)}\\n"\n')
        output.write("\t;\n")
