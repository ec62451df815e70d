#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Node servers with one fault each, and the same servers without: what `holter diagnose` says of them."""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import (HERE, Fail, Recording, Server, check, diagnose, free_port, get, holter, load, node, run_cases, severe,
                     under_holter, work_folder)

SERVERS = HERE / "integration" / "servers"
SECONDS = 3


def line_of(script, text):
    """The number of the one line that holds a text."""
    found = [number for number, line in enumerate(script.read_text().splitlines(), 1) if text in line]
    check(len(found) == 1, f"{script} has {text!r} on lines {found}")
    return found[0]


def record(folder, script, *options, **plan):
    """Runs a server under holter and load; returns where the recording is."""
    port, recording = free_port(), folder / "node.holter"
    command = under_holter([node(), SERVERS / script], recording, *options)
    with Server(command, folder, {"PORT": str(port)}, port):
        load(port, SECONDS, **plan)
    return recording


def blamed(path, function, text, cause, script="faults.js", least=4):
    """Checks that a path's function, file and line are the verdict, and its only one."""
    with work_folder() as folder:
        found = severe(diagnose(record(folder, script, root=40, **{path: 2})))
    check(found, "nothing is reported")
    first, culprit = found[0], found[0]["culprit"] or {}
    check(first["kind"] == "stall" and first["cause"] == cause, f"it is {first['kind']}/{first['cause']}")
    check(culprit.get("function", "").split(".")[-1] == function, f"blames {culprit.get('function')!r}")
    check(culprit["file"].endswith(script), f"blames the file {culprit['file']!r}")
    line = line_of(SERVERS / script, text)
    check(culprit["line"] == line, f"blames line {culprit['line']}, not {line}")
    check(first["stall"]["count"] >= least, f"counts {first['stall']['count']} stalls")
    others = [finding["summary"] for finding in found[1:] if (finding["culprit"] or {}).get("share_of_kind", 0) > 0.2]
    check(not others, f"reports as well: {others}")
    return first["summary"]


def sorting():
    """a sort with a comparator: the function that sorts"""
    return blamed("sort", "sortCustomers", "].sort(", "on-cpu")


def parsing():
    """JSON.parse of a large document: the function that parses"""
    return blamed("parse", "importDocument", "JSON.parse(document_)", "on-cpu")


def compressing():
    """gzipSync: the function that compresses, through native code"""
    return blamed("compress", "compressAnswer", "gzipSync", "on-cpu")


def converting():
    """execFileSync: blocked, although libuv runs a nested loop meanwhile"""
    return blamed("convert", "runConverter", "execFileSync('sleep'", "blocked")


def locking():
    """Atomics.wait: blocked on a futex, read without waking it"""
    return blamed("lock", "waitForLock", "Atomics.wait", "blocked")


def inlining():
    """a method whose callback is inlined: the method, on the line of the call"""
    return blamed("balance", "balanceOf", "this.#entries.reduce", "on-cpu")


def module():
    """an ES module: the function; its long start-up is no finding"""
    return blamed("slow", "spinAwhile", "process.cpuUsage(begin)", "on-cpu", "module.mjs")


def healthy():
    """the same server without the faults: nothing"""
    with work_folder() as folder:
        diagnosis = diagnose(record(folder, "faults.js", root=200))
    check(not severe(diagnosis), f"reported: {[finding['summary'] for finding in diagnosis['findings']]}")
    check(diagnosis["recording"]["runtime"].startswith("node "), diagnosis["recording"]["runtime"])
    check(diagnosis["recording"]["seconds"] > 0.7 * SECONDS, f"only {diagnosis['recording']['seconds']} s observed")


def taking_jobs():
    """a worker that sleeps in Atomics.wait until there is a job: nothing, and that it is not judged"""
    with work_folder() as folder:
        recording = record(folder, "jobs.js", root=40, job=2)
        found = severe(diagnose(recording))
        text = holter("diagnose", recording).stdout
    check(not found, f"reports {[finding['summary'] for finding in found]}")
    check("1 worker thread takes its work by Atomics.wait" in text, f"does not say who is not judged: {text}")


def two_culprits():
    """two faults: two findings, each with its share"""
    with work_folder() as folder:
        found = severe(diagnose(record(folder, "faults.js", root=20, sort=2, lock=2)))
    shares = {finding["culprit"]["function"]: finding["culprit"]["share_of_kind"] for finding in found}
    check(set(shares) == {"sortCustomers", "waitForLock"}, f"blames {shares}")
    check(0.9 < sum(shares.values()) <= 1.01 and min(shares.values()) > 0.1, f"shares {shares}")
    return str(shares)


def mixed_stack():
    """stacks hold native frames above and below the JavaScript ones, down to main"""
    with work_folder() as folder:
        recording = Recording(record(folder, "faults.js", compress=4))
    samples = [sample for sample in recording.samples if any("compressAnswer" in f.function for f in sample["frames"])]
    check(len(samples) >= 20, f"{len(samples)} of {len(recording.samples)} samples show the function")
    names = ["deflate", "compressAnswer", "SpinEventLoop", "main"]
    good = 0
    for sample in samples:
        functions = [frame.function for frame in sample["frames"]]
        places = [next((i for i, function in enumerate(functions) if name in function), -1) for name in names]
        good += sample["complete"] and -1 not in places[1:] and places == sorted(places)
    check(good >= 0.95 * len(samples), f"{good} of {len(samples)} are whole: {samples[0]['frames']}")
    return f"{good} of {len(samples)} samples"


def killed():
    """a recording survives SIGKILL in the middle of a stall, and says that the stall had not ended"""
    with work_folder() as folder:
        port, recording = free_port(), folder / "node.holter"
        script = folder / "hang.js"
        script.write_text("require('node:http').createServer(function hangForEver() { for (;;); })"
                          f".listen({port}, '127.0.0.1');")
        with Server(under_holter([node(), script], recording), folder, port=port) as server:
            try:
                get(port, seconds=4)
                raise Fail("the hanging server answered")
            except TimeoutError:
                pass
            server.stop(signal.SIGKILL)
        found = severe(diagnose(recording))
        check(found and found[0]["culprit"]["function"] == "hangForEver", f"reported: {found}")
        check(found[0]["stall"]["max_ms"] >= 2500, f"only {found[0]['stall']['max_ms']} ms of it were recorded")
        check(any(not stall["ended"] for stall in Recording(recording).stalls), "the stall is said to have ended")


def many_short_lives():
    """children that never serve leave no recording and end as ever"""
    with work_folder() as folder:
        recording = folder / "node.holter"
        script = folder / "parent.js"
        script.write_text("for (let i = 0; i < 5; i++) require('node:child_process').execFileSync(process.execPath,"
                          " ['-e', 'process.exitCode = 0']); console.log('done');")
        begin = time.monotonic()
        with Server(under_holter([node(), script], recording), folder) as server:
            status = server.process.wait(60)
            check(status == 0 and "done" in server.printed(), f"status {status}: {server.printed()}")
        left = sorted(path.name for path in folder.iterdir() if ".holter" in path.name)
        check(len(left) <= 1, f"left behind: {left}")
        return f"{time.monotonic() - begin:.1f} s"


run_cases(healthy, taking_jobs, sorting, parsing, compressing, converting, locking, inlining, module, two_culprits,
          mixed_stack, killed, many_short_lives)
