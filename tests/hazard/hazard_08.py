#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 8: a tool with a handler for SIGSEGV or SIGBUS fights with the server's own, such as V8's for WebAssembly traps."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Recording, Server, check, node, preloaded, run_cases, work_folder

# A module of one page of memory and three functions: load(i32) from there, unreachable, and a division.
SCRIPT = """
const wasm = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from([
  0, 97, 115, 109, 1, 0, 0, 0,
  1, 15, 3, 96, 1, 127, 1, 127, 96, 0, 0, 96, 2, 127, 127, 1, 127,
  3, 4, 3, 0, 1, 2,
  5, 3, 1, 0, 1,
  7, 13, 3, 1, 108, 0, 0, 1, 117, 0, 1, 1, 100, 0, 2,
  10, 21, 3, 7, 0, 32, 0, 40, 2, 0, 11, 3, 0, 0, 11, 7, 0, 32, 0, 32, 1, 109, 11]))).exports;
const traps = [() => wasm.l(1 << 28), () => wasm.u(), () => wasm.d(1, 0)];
let caught = 0, turns = 0;
function turn() {
  const end = Date.now() + 60;
  while (Date.now() < end)
    for (const trap of traps)
      try { trap(); } catch (error) { if (error instanceof WebAssembly.RuntimeError) caught++; else throw error; }
  if (++turns < 25) return setTimeout(turn, 2);
  console.log(require('fs').readFileSync('/proc/self/status', 'utf8').match(/SigCgt:\\t(\\w+)/)[0], 'caught', caught);
  process.exit(caught > 1000 ? 0 : 1);
}
require('net').createServer().listen(0, turn);
"""
SEGV, BUS = 11, 7


def run(environment):
    """Whether SIGSEGV and SIGBUS have a handler, and how many traps were caught."""
    with work_folder() as folder, Server([node(), "-e", SCRIPT], folder, environment=environment) as server:
        status = server.process.wait(60)
        check(status == 0, f"status {status}: {server.printed()[-400:]}")
        caught = re.search(r"SigCgt:\t(\w+) caught (\d+)", server.printed())
        mask = int(caught[1], 16)
        return [bool(mask >> number - 1 & 1) for number in (SEGV, BUS)], int(caught[2])


def traps():
    """thousands of WebAssembly traps are caught by the script, and nobody but V8 handles SIGSEGV"""
    plain, _ = run({})
    with work_folder() as folder:
        path = folder / "traps.holter"
        observed, caught = run(preloaded(path))
        check(observed == plain, f"handlers of SIGSEGV, SIGBUS: {observed}, without Holter {plain}")
        samples = Recording(path).samples
        check(len(samples) > 100, f"only {len(samples)} samples")
        return f"{caught} traps, {len(samples)} samples"


run_cases(traps)
