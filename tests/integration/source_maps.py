#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Servers written in TypeScript, compiled and bundled by the real tools: verdicts in the lines that somebody wrote."""
import contextlib
import fcntl
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import (HERE, Skip, Server, check, diagnose, free_port, holter, load, node, program, run_cases, severe,
                     under_holter, work_folder)

SOURCES = HERE / "fixtures" / "source_maps" / "src"
PACKAGES = ["typescript@5.9.3", "esbuild@0.25.12"]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "holter" / "bundlers"
SECONDS = 3  # of load for each fault


def tools():
    """The folder of tsc and esbuild, fetched once and kept."""
    CACHE.mkdir(parents=True, exist_ok=True)
    made = CACHE / "made"
    with open(CACHE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists() or made.read_text() != " ".join(PACKAGES):
            done = subprocess.run([program("npm"), "install", "--prefix", CACHE, "--no-audit", "--no-fund", *PACKAGES],
                                  capture_output=True, text=True)
            if done.returncode:
                raise Skip(f"npm brings no compilers: {done.stderr.strip()[-200:]}")
            made.write_text(" ".join(PACKAGES))
    return CACHE / "node_modules" / ".bin"


def build(command, folder):
    environment = {**os.environ, "PATH": f"{pathlib.Path(node()).parent}:{os.environ['PATH']}"}
    done = subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True, env=environment)
    check(done.returncode == 0, f"{command[0].name}: {done.stdout}{done.stderr}")


def compile_with(folder, *options):
    build([tools() / "tsc", "--target", "es2022", "--module", "commonjs", "--strict", "--removeComments", "--rootDir", "src",
           "--outDir", "dist", *options, "src/node.d.ts", "src/server.ts"], folder)


def bundle_with(folder, *options):
    build([tools() / "esbuild", "src/server.ts", "--bundle", "--minify", "--platform=node", "--outfile=dist/server.js",
           *options], folder)


@contextlib.contextmanager
def project():
    with work_folder() as folder:
        shutil.copytree(SOURCES, folder / "src")
        yield folder


def record(folder, *words):
    """Runs dist/server.js, or node with other words, under holter and load; returns where the recording is."""
    port, recording = free_port(), folder / "maps.holter"
    command = [node(), *(words or [folder / "dist" / "server.js"])]
    with Server(under_holter(command, recording), folder, {"PORT": str(port)}, port):
        # One after the other: two requests in one turn would be one stall of two origins.
        load(port, SECONDS, root=20, seal=2)
        load(port, SECONDS, root=20, sum=2)
    return recording


def line_of(text):
    lines = (SOURCES / "invoices.ts").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


# function: where it is declared, and the first and last line of it that may be blamed
EXPECTED = {
    "sealInvoice": ("function sealInvoice", "= pbkdf2Sync", "= pbkdf2Sync"),
    "sumInvoices": ("const sumInvoices", "while (process.cpuUsage", "sum += item"),
}


def blamed(diagnosis):
    """The culprits."""
    found = [finding["culprit"] for finding in severe(diagnosis) if finding["culprit"]]
    check(found, "nothing is blamed")
    return found


def in_source(folder, recording, source="src/invoices.ts", *options):
    """Checks that both faults are blamed in the source's terms. Returns their culprits, by function."""
    culprits = {culprit["function"]: culprit for culprit in blamed(diagnose(recording, *options))}
    check(set(culprits) == set(EXPECTED), f"blames {sorted(culprits)}")
    for name, (declaration, first, last) in EXPECTED.items():
        culprit = culprits[name]
        check(culprit["file"] == str(folder / source), f"{name} is in {culprit['file']}")
        check(line_of(first) <= culprit["line"] <= line_of(last), f"{name} is blamed on line {culprit['line']}")
        check(culprit["function_line"] == line_of(declaration), f"{name} is declared on line {culprit['function_line']}")
    return culprits


def verdicts(folder, recording, generated, *source_and_options):
    """The same for what was compiled into files: what ran is kept. generated: its file."""
    culprits = in_source(folder, recording, *source_and_options)
    for name, culprit in culprits.items():
        check(culprit["generated"]["file"] == str(folder / generated), f"{name} ran in {culprit['generated']}")
        ran = (folder / generated).read_text().splitlines()[culprit["generated"]["line"] - 1]
        check(culprit["generated"]["column"] <= len(ran), f"{name} ran at {culprit['generated']}")
        entry = next(entry for entry in culprit["stack"] if entry["function"] == name)
        check(entry["file"] == culprit["file"] and entry["generated"]["file"] == culprit["generated"]["file"],
              f"in the stack {name} is {entry}")
    return culprits


def unmapped(recording, reason):
    """Checks that the verdicts speak of what ran, and that the text says why."""
    for culprit in blamed(diagnose(recording)):
        check("generated" not in culprit and culprit["file"].endswith("dist/server.js"), f"blames {culprit['file']}")
    text = holter("diagnose", recording).stdout
    check(reason in text, f"does not say {reason!r}: {text[-400:]}")


def inlined():
    """tsc with its map in the script: functions and lines of the .ts file"""
    with project() as folder:
        compile_with(folder, "--inlineSourceMap")
        recording = record(folder)
        check(not list(folder.glob("dist/*.map")), "there is a map beside the script")
        culprits = verdicts(folder, recording, "dist/invoices.js")
        check(culprits["sealInvoice"]["generated"]["function"] == "sealInvoice", culprits["sealInvoice"]["generated"])


def beside():
    """tsc with its map beside the script; the text shows both places"""
    with project() as folder:
        compile_with(folder, "--sourceMap")
        recording = record(folder)
        verdicts(folder, recording, "dist/invoices.js")
        text = holter("diagnose", recording).stdout
        places = rf"{folder}/src/invoices\.ts:{line_of('= pbkdf2Sync')}:\d+ \({folder}/dist/invoices\.js:\d+:\d+\)"
        check(re.search(places, text), f"the text does not show both places: {text}")
        picture = holter("flame", recording, "-o", "-").stdout
        check("src/invoices.ts:" in picture, "the flame graph does not show the source")


def bundled():
    """esbuild, bundled and minified: names that were made short are told in full"""
    with project() as folder:
        bundle_with(folder, "--sourcemap")
        recording = record(folder)
        culprits = verdicts(folder, recording, "dist/server.js")
        for name, culprit in culprits.items():
            check(len(culprit["generated"]["function"]) < 4, f"{name} ran as {culprit['generated']}")
        stack = [entry["function"] for entry in culprits["sealInvoice"]["stack"]]
        check("answer" in stack, f"the stack is {stack}")


def elsewhere():
    """a map that was not deployed: --sources DIR finds it; without it the verdict says what ran and why"""
    with project() as folder:
        bundle_with(folder, "--sourcemap=external")
        (folder / "kept" / "dist").mkdir(parents=True)
        (folder / "dist" / "server.js.map").rename(folder / "kept" / "dist" / "server.js.map")
        with open(folder / "dist" / "server.js", "a") as script:
            script.write("//# sourceMappingURL=server.js.map\n")
        recording = record(folder)
        unmapped(recording, "the map is not there")
        verdicts(folder, recording, "dist/server.js", "kept/src/invoices.ts", "--sources", folder / "kept")


def changed():
    """a script that was built anew meanwhile: not believed, and said so; --sources DIR takes it"""
    with project() as folder:
        bundle_with(folder, "--sourcemap")
        recording = record(folder)
        bundle_with(folder, "--sourcemap")
        unmapped(recording, "changed after the recording began")
        verdicts(folder, recording, "dist/server.js", "src/invoices.ts", "--sources", folder)


def remote():
    """a map on a network: nothing is fetched, and the text says so"""
    with project() as folder:
        bundle_with(folder)
        with open(folder / "dist" / "server.js", "a") as script:
            script.write("//# sourceMappingURL=https://maps.example/server.js.map\n")
        unmapped(record(folder), "nothing is fetched")


LOADER = """
const fs = require('node:fs');
const typescript = require(%s);
const compilerOptions = { module: 'commonjs', target: 'es2022', removeComments: true, inlineSourceMap: true };
require.extensions['.ts'] = (module, file) =>
  module._compile(typescript.transpileModule(fs.readFileSync(file, 'utf8'), { compilerOptions, fileName: file }).outputText, file);
"""


def in_memory():
    """compiled by a loader as it is required, as ts-node and tsx do: no script and no map is on disk"""
    with project() as folder:
        (folder / "loader.js").write_text(LOADER % json.dumps(str(tools().parent / "typescript")))
        for culprit in in_source(folder, record(folder, "-r", folder / "loader.js", folder / "src" / "server.ts")).values():
            check("generated" not in culprit, f"another place than the only file: {culprit}")


def contained():
    """watched live in a mount namespace of its own, where alone its files are: the lines of the .ts file"""
    if os.geteuid() != 0:
        raise Skip("only root may attach here")
    with project() as folder:
        compile_with(folder, "--sourceMap")
        (folder / "app").mkdir()
        hidden = ["unshare", "-m", "sh", "-c", f'mount --bind {folder / "dist"} {folder / "app"} && exec "$@"', "enter"]
        port = free_port()
        with Server([*hidden, node(), folder / "app" / "server.js"], folder, {"PORT": str(port)}, port) as server:
            visits = threading.Thread(target=load, args=(port, SECONDS + 4), kwargs={"root": 20, "seal": 3})
            visits.start()
            done = holter("diagnose", "--json", "-p", server.process.pid, "-d", f"{SECONDS}s")
            visits.join()
        check(done.returncode == 0, f"diagnose ended with {done.returncode}: {done.stderr}")
        culprit = blamed(json.loads(done.stdout))[0]
        check(culprit["file"] == str(folder / "src" / "invoices.ts"), f"is in {culprit['file']}")
        check(culprit["line"] == line_of("= pbkdf2Sync"), f"is blamed on line {culprit['line']}")


run_cases(inlined, beside, bundled, elsewhere, changed, remote, in_memory, contained)
