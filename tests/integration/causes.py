#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every cause of a stall, made on purpose: what holter calls it, its shares, and what the loop waited for.

Each fault has its healthy twin: the same server without it, or the same request without the circumstance.
"""
import contextlib
import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from circumstances import entering, group, group_version_1, group_version_2, hogs, one_cpu
from harness import (Server, Skip, check, diagnose, free_port, holter, load, node, program, run_cases, severe,
                     under_holter, uses_node, work_folder)

CAUSES = os.environ.get("HOLTER_CAUSES", "")
SECONDS = 4


def record(folder, visits, before=(), environment=None, wanted=None):
    """Runs causes.c under holter and load; returns where the recording is."""
    port, recording = free_port(), folder / "causes.holter"
    with Server([*before, *under_holter([CAUSES], recording)], folder, {"PORT": str(port), **(environment or {})},
                port) as server:
        if wanted:
            wanted(server)
        load(port, SECONDS, **visits)
    return recording


def verdict(path, cause, function, least=0.7):
    """Checks that the one finding has a cause, most of the time (at least such a share) for it, and a function to blame.

    What the host took away, while others use the machine as well, is left out of the account.
    """
    found = severe(diagnose(path))
    check(found, "nothing is reported")
    first, shares = found[0], found[0]["stall"]["shares"]
    check(first["cause"] == cause, f"the cause is {first['cause']}, not {cause}: {shares}")
    check(0.98 < sum(shares.values()) < 1.02, f"the shares do not make a whole: {shares}")
    check(shares[cause] >= least * (1 - shares["runqueue"]), f"{cause} has a share of {shares[cause]}: {shares}")
    if function:
        check((first["culprit"] or {}).get("function") == function, f"blames {first['culprit']}")
    others = [finding["summary"] for finding in found[1:]]
    check(not others, f"reports as well: {others}")
    return first


def blocked(path, function, syscall, on):
    def run():
        with work_folder() as folder, late_peer() as peer:
            recording = record(folder, {"root": 40, path: 3}, environment={"PEER": str(peer)})
            first = verdict(recording, "blocked", function)
            stall = first["stall"]
            check(stall["syscall"] == syscall, f"slept in {stall['syscall']}, not {syscall}")
            check((stall["on"] or "").startswith(on.format(peer)), f"waited for {stall['on']!r}, not {on.format(peer)!r}")
            check(stall["on"] in holter("diagnose", recording).stdout, "the text does not say what it waited for")
            return first["summary"]

    run.__doc__ = f"blocked in {syscall}: {on.partition(' ')[0]}, and the function that waits"
    return run


@contextlib.contextmanager
def late_peer():
    """A service on this host that answers 150 ms after it is called."""
    def serve():
        with contextlib.suppress(OSError):
            while True:
                visitor, _ = listener.accept()
                time.sleep(0.15)
                visitor.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def on_cpu():
    """on-cpu: a function that computes"""
    with work_folder() as folder:
        return verdict(record(folder, {"root": 40, "burn": 3}), "on-cpu", "burn")["summary"]


def healthy():
    """the same server, asked for nothing slow: nothing"""
    with work_folder() as folder:
        found = severe(diagnose(record(folder, {"root": 200})))
        check(not found, f"reported: {found}")


def page_fault():
    """page-fault: memory that comes late"""
    def wanted(server):
        if "no userfaultfd" in server.printed():
            raise Skip("userfaultfd is not allowed here")

    with work_folder() as folder:
        return verdict(record(folder, {"root": 40, "fault": 3}, wanted=wanted), "page-fault", "touch_memory")["summary"]


def congestion():
    """congestion: 200 connections ready at once, 1 ms each"""
    with work_folder() as folder:
        return verdict(record(folder, {"root": 40, "many": 2}), "congestion", None)["summary"]


def no_congestion():
    """as many ready, but one of them costs it all: on-cpu"""
    with work_folder() as folder:
        return verdict(record(folder, {"root": 40, "one": 2}), "on-cpu", "burn")["summary"]


COLLECTING = """
const keep = [];  // what lives for long and is small makes collections long
for (let i = 0; i < 1000000; i++) keep.push({ key: 'k' + i, value: [i, i + 1] });
function fillCache() {
  for (let i = 0; i < 50000; i++) keep[i] = { key: 'k' + i, value: [i, i + 1] };
  gc();
  return 'ok';
}
require('http').createServer((request, response) => {
  response.end(request.url === '/slow' ? fillCache() : 'hello');
}).listen(process.env.PORT, '127.0.0.1');
"""


@uses_node
def collecting():
    """gc: a function whose objects must be collected, and the collections outweigh it"""
    with work_folder() as folder:
        (folder / "server.js").write_text(COLLECTING)
        port, recording = free_port(), folder / "node.holter"
        with Server(under_holter([node(), "--expose-gc", folder / "server.js"], recording), folder, {"PORT": str(port)},
                    port):
            load(port, SECONDS, root=40, slow=3)
        first = severe(diagnose(recording))[0]
        shares = first["stall"]["shares"]
        check(first["cause"] == "gc" and shares["gc"] > 0.5 * (1 - shares["runqueue"]), f"{first['cause']}: {shares}")
        check(first["culprit"]["function"] == "fillCache", f"blames {first['culprit']['function']}")
        return first["summary"]


def starved():
    """runqueue: a host that gives no CPU is said once, and blames no function"""
    # It wants twice its share of that CPU; with less, the scheduler would let it go first.
    before = [program("taskset"), "-c", str(one_cpu())]
    with work_folder() as folder, hogs(6):
        found = severe(diagnose(record(folder, {"root": 20, "work": 15}, before)), host=True)
    check(found, "nothing is reported")
    check([finding["cause"] for finding in found] == ["runqueue"], f"causes: {[finding['summary'] for finding in found]}")
    check(found[0]["culprit"] is None, f"blames {found[0]['culprit']}")
    check(found[0]["stall"]["shares"]["runqueue"] > 0.5, f"shares: {found[0]['stall']['shares']}")
    return found[0]["summary"]


def not_starved():
    """the same work on a host that gives it a CPU: nothing"""
    with work_folder() as folder:
        found = severe(diagnose(record(folder, {"root": 20, "work": 15})))
        check(not found, f"reported: {found}")


def throttled(find, version):
    def run():
        with group(find) as cgroup, work_folder() as folder:
            # The more it waits for others, the less of its quota it has used up.
            return verdict(record(folder, {"root": 2, "burn": 1}, entering(cgroup)), "throttled", "burn", 0.5)["summary"]

    run.__doc__ = f"throttled: a control group's quota, version {version}"
    return run


run_cases(on_cpu, healthy, blocked("lock", "wait_for_lock", "futex", "mutex held by thread"),
          blocked("pipe", "read_late_pipe", "read", "pipe"), blocked("peer", "ask_peer", "recvfrom", "tcp 127.0.0.1:{}"),
          page_fault, congestion, no_congestion, collecting, starved, not_starved,
          throttled(group_version_1, 1), throttled(group_version_2, 2))
