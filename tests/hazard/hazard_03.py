#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 3: code of the handler that calls out, and so meets our own hooks, a lock, or the server's heap."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import LIBRARY, check, program, run_cases

# The handler, and what it calls through a pointer: the runtime's capture.
ROOTS = ("on_signal", "capture_sig", "process_read")
# The C library's that touch nothing but their arguments, and the clock, which POSIX lists as async-signal-safe.
ALLOWED = {"clock_gettime", "memcpy", "memset", "memmove", "memcmp", "memchr", "strlen"}
# Functions that call through a pointer, checked by hand: on_signal calls capture_sig, memory_exact process_read.
POINTERS = {"on_signal", "memory_exact", "memory_u16", "memory_u32", "memory_u64"}


class Function:
    def __init__(self, name):
        self.name, self.reaches, self.imports, self.by_pointer = name, set(), set(), False


def disassemble():
    """address -> Function, of everything in the library."""
    text = subprocess.run([program("objdump"), "-d", "--no-show-raw-insn", LIBRARY], capture_output=True, text=True,
                          check=True).stdout
    functions, current = {}, None
    for line in text.splitlines():
        if head := re.match(r"([0-9a-f]+) <(.+)>:$", line):
            current = functions[int(head[1], 16)] = Function(head[2])
        elif jump := re.search(r"\t(?:call|j[a-z]+) +([0-9a-f]+) <([^>+]+)(\+0x[0-9a-f]+)?>", line):
            if jump[2].endswith("@plt"):
                current.imports.add(jump[2][:-len("@plt")])
            elif jump[2] != current.name:
                current.reaches.add(int(jump[1], 16) - int(jump[3] or "0", 16))
        elif re.search(r"\tcall +\*", line):
            current.by_pointer = True
    return functions


def reached(functions, roots):
    todo = [address for address, function in functions.items() if function.name in roots]
    check(len({functions[address].name for address in todo}) == len(roots), f"not all of {roots} are there")
    seen = set()
    while todo:
        address = todo.pop()
        if address not in seen:
            seen.add(address)
            todo += functions[address].reaches
    return [functions[address] for address in seen]


def handler():
    """what the handler reaches calls nothing outside but a checked list"""
    code = reached(disassemble(), ROOTS)
    imports = {(function.name, name) for function in code for name in function.imports if name not in ALLOWED}
    check(not imports, f"calls out: {sorted(imports)}")
    pointers = {function.name for function in code if function.by_pointer} - POINTERS
    check(not pointers, f"calls through a pointer: {sorted(pointers)}")
    check(len(code) > 10, f"only {len(code)} functions")
    return f"{len(code)} functions"


def control():
    """the same look at the code of Holter's own thread finds the loader"""
    imports = {name for function in reached(disassemble(), ("watchdog_run",)) for name in function.imports}
    check({"dlopen", "dlsym"} <= imports, f"only {sorted(imports)}")


run_cases(handler, control)
