#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`holter attach --method=poll`: what looks at /proc can tell, and that a busy server is never taken for a stalled one.

A server that answers at full speed is found running at every look, as a stalled one is.
"""
import contextlib
import ctypes
import os
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import (HERE, HOLTER, Fail, Server, Skip, check, diagnose, free_port, holter, load, node, program, run_cases,
                     severe, uses_node, without_holter, work_folder)

LOOPS = os.environ.get("HOLTER_LOOPS", "")
SERVERS = HERE / "integration" / "servers"
SECONDS = 4
NOBODY = 65534
SYS_PERF_EVENT_OPEN, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 298, 38, 22, 2
EACCES = 13


def as_nobody():
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def without_perf_events():
    """As in many containers: perf_event_open(2) is refused."""
    def instruction(code, true, false, value):
        return struct.pack("=HBBI", code, true, false, value)

    program_ = b"".join((instruction(0x20, 0, 0, 0),  # the number of the system call
                         instruction(0x15, 0, 1, SYS_PERF_EVENT_OPEN),
                         instruction(0x06, 0, 0, 0x00050000 | EACCES),
                         instruction(0x06, 0, 0, 0x7FFF0000)))
    buffer = ctypes.create_string_buffer(program_)
    filter_ = ctypes.create_string_buffer(struct.pack("=HxxxxxxQ", 4, ctypes.addressof(buffer)))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter_, 0, 0)


class Watch:
    """`holter attach` at work on a process, until that ends or the block does."""

    def __init__(self, pid, folder, *options, method="poll", prepare=None):
        self.recording, self.log = folder / "poll.holter", folder / "attach.log"
        self.begin = time.monotonic()
        if prepare == as_nobody:
            os.chmod(folder, 0o777)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [HOLTER, "attach", "-p", str(pid), *([f"--method={method}"] if method else []), *options, "-o",
                 self.recording], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=without_holter(),
                preexec_fn=prepare)

    def __enter__(self):
        while not (self.recording.exists() and self.recording.stat().st_size):
            if self.process.poll() is not None:
                raise Fail(f"holter attach ended with {self.process.returncode}: {self.said()}")
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.wait()

    def wait(self):
        """Waits for its end; notes its part of a CPU and how it ended."""
        if self.process.returncode is None:
            _, status, usage = os.wait4(self.process.pid, 0)
            self.process.returncode = os.waitstatus_to_exitcode(status)
            self.share = (usage.ru_utime + usage.ru_stime) / (time.monotonic() - self.begin)
        return self.process.returncode

    def said(self):
        return self.log.read_text(errors="replace")


def judge(watch):
    check(watch.wait() == 0, f"holter attach ended with {watch.process.returncode}: {watch.said()}")
    return diagnose(watch.recording)


def verdict(watch, cause, function=None):
    found = severe(judge(watch))
    check(found, f"nothing is reported: {watch.said()}")
    first = found[0]
    check(first["cause"] == cause, f"the cause is {first['cause']}, not {cause}: {first['stall']['shares']}")
    if function:
        check((first["culprit"] or {}).get("function") == function, f"blames {first['culprit']}")
    return first


def check_nothing(watch):
    """Nothing that calls for somebody. A single long turn may be real: a virtual machine's own host stops it now and then."""
    found = severe(judge(watch))
    check(not found, f"reported: {[finding['summary'] for finding in found]}")
    return f"{100 * watch.share:.1f} % of a CPU for the tool"


def faults(folder, path, *options, **more):
    """A Node with a fault, watched under load."""
    port = free_port()
    with Server([node(), SERVERS / "faults.js"], folder, {"PORT": str(port)}, port) as server, \
            Watch(server.process.pid, folder, *options, **more) as watch:
        load(port, SECONDS, root=40, **{path: 2})
    return watch


@uses_node
def node_computes():
    """node: a function that computes, by its frames while it runs"""
    with work_folder() as folder:
        return verdict(faults(folder, "compress"), "on-cpu", "compressAnswer")["summary"]


@uses_node
def node_waits():
    """node: a lock that does not come; asleep, and where"""
    with work_folder() as folder:
        first = verdict(faults(folder, "lock"), "blocked", "waitForLock")
    check(first["stall"]["syscall"] == "futex", f"slept in {first['stall']['syscall']}")
    check(first["stall"]["p50_ms"] > 130, f"the median is {first['stall']['p50_ms']} ms, of 150")
    return first["summary"]


@uses_node
def node_nested():
    """node: a loop within the loop does not end the turn"""
    with work_folder() as folder:
        return verdict(faults(folder, "convert"), "blocked", "runConverter")["summary"]


@contextlib.contextmanager
def redis(folder):
    port = free_port()
    with Server([program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                 "--dir", str(folder)], folder, port=port) as server:
        yield server, port


def redis_lua():
    """redis: a long Lua script"""
    script = "local x = 0 for i = 1, 8000000 do x = x + i % 7 end return x"
    with work_folder() as folder, redis(folder) as (server, port):
        with Watch(server.process.pid, folder) as watch:
            for _ in range(8):
                subprocess.run([program("redis-cli"), "-p", str(port), "EVAL", script, "0"], check=True,
                               stdout=subprocess.DEVNULL)
                time.sleep(0.05)
        first = verdict(watch, "on-cpu")
    check("redis-server" in (first["culprit"]["module"] or ""), f"blames {first['culprit']}")
    return first["summary"]


def under_load(server, folder, command):
    """Watches a server that a program keeps busy, for SECONDS."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as loader:
        try:
            with Watch(server.process.pid, folder, "-d", f"{SECONDS}s") as watch:
                watch.wait()
            check(loader.poll() is None, f"{command[0]} ended by itself")
        finally:
            loader.kill()
    return check_nothing(watch)


def redis_busy():
    """redis at full speed: nothing"""
    with work_folder() as folder, redis(folder) as (server, port):
        return under_load(server, folder, [program("redis-benchmark"), "-p", str(port), "-t", "get", "-n", "100000000",
                                           "-c", "50", "-q"])


def redis_pipelined():
    """redis at full speed, 16 commands at once: nothing"""
    with work_folder() as folder, redis(folder) as (server, port):
        return under_load(server, folder, [program("redis-benchmark"), "-p", str(port), "-t", "get", "-n", "100000000",
                                           "-c", "50", "-P", "16", "-q"])


def wrk(port):
    return [program("wrk"), "-t1", "-c20", "-d60s", f"http://127.0.0.1:{port}/"]


def nginx_busy():
    """nginx at full speed: nothing"""
    port = free_port()
    with work_folder() as folder:
        (folder / "logs").mkdir()
        (folder / "nginx.conf").write_text(f"""
            daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
            events {{ }}
            http {{ access_log off; server {{ listen 127.0.0.1:{port}; location / {{ return 200 "hello"; }} }} }}""")
        with Server([program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf")], folder, port=port) as server:
            return under_load(server, folder, wrk(port))


@uses_node
def node_busy():
    """node at full speed: nothing"""
    port = free_port()
    with work_folder() as folder, Server([node(), SERVERS / "faults.js"], folder, {"PORT": str(port)}, port) as server:
        return under_load(server, folder, wrk(port))


TURNS = """
const ms = Number(process.env.MS);
function turn() {
  const end = performance.now() + ms;
  while (performance.now() < end);
  setImmediate(turn);
}
require('node:http').createServer((request, response) => response.end()).listen(Number(process.env.PORT), '127.0.0.1');
setTimeout(turn, Number(process.env.AFTER));
"""


def turning(folder, ms, after=0):
    """A Node that never sleeps and never reads or writes: turns of so many milliseconds, one after the other."""
    (folder / "turns.js").write_text(TURNS)
    return Server([node(), folder / "turns.js"], folder, {"PORT": str(free_port()), "MS": str(ms), "AFTER": str(after)})


@uses_node
def never_asleep():
    """a loop that never sleeps, with turns of 10 ms: nothing"""
    with work_folder() as folder, turning(folder, 10) as server:
        time.sleep(1)
        with Watch(server.process.pid, folder, "-d", f"{SECONDS}s") as watch:
            watch.wait()
        return check_nothing(watch)


@uses_node
def never_asleep_and_slow():
    """the same loop with turns of 200 ms: each a stall, and no two taken for one"""
    with work_folder() as folder, turning(folder, 200, after=2500) as server:
        time.sleep(1)
        with Watch(server.process.pid, folder, "-d", f"{SECONDS}s") as watch:
            watch.wait()
        first = severe(judge(watch), host=True)[0]
        check(first["cause"] == "runqueue" or first["culprit"]["function"] == "turn", f"blames {first}")
        check(170 < first["stall"]["p50_ms"] < 300, f"the median is {first['stall']['p50_ms']} ms, of 200")
        return first["summary"]


def poll_loop():
    """a hand-written loop that waits by poll: found, and the function that burns"""
    port = free_port()
    with work_folder() as folder, Server([LOOPS, "poll"], folder, {"PORT": str(port)}, port) as server:
        with Watch(server.process.pid, folder) as watch:
            load(port, 2 * SECONDS, root=40, slow=2)
        return verdict(watch, "on-cpu", "burn_on_purpose")["summary"]


@uses_node
def unprivileged():
    """any user, for a process of their own: by default, after one line about eBPF"""
    if os.getuid() != 0:
        raise Skip("not run as root: nobody to become")
    port = free_port()
    with work_folder() as folder:
        command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", node(), SERVERS / "faults.js"]
        with Server(command, folder, {"PORT": str(port)}, port) as server:
            refused = Watch(server.process.pid, folder, method="ebpf", prepare=as_nobody)
            check(refused.wait() == 3, f"--method=ebpf ended with {refused.process.returncode}: {refused.said()}")
            with Watch(server.process.pid, folder, method=None, prepare=as_nobody) as watch:
                load(port, SECONDS, root=40, compress=2)
        first = verdict(watch, "on-cpu", "compressAnswer")
        check("not observed without eBPF" in watch.said(), f"says {watch.said()!r}")
        return first["summary"]


def refused():
    """another user's process: refused with status 3, and no recording is left"""
    if os.getuid() != 0:
        raise Skip("not run as root: nobody to become")
    with work_folder() as folder, subprocess.Popen(["sleep", "60"]) as target:
        watch = Watch(target.pid, folder, prepare=as_nobody)
        status = watch.wait()
        target.kill()
        check(status == 3, f"ended with {status}: {watch.said()}")
        check(not watch.recording.exists(), "a recording is left")
        return watch.said().strip()


@uses_node
def blind():
    """no perf events: what sleeps is found, what runs is not guessed at, and both are said"""
    with work_folder() as folder:
        first = verdict(faults(folder, "lock", prepare=without_perf_events), "blocked", "waitForLock")
    with work_folder() as folder:
        watch = faults(folder, "compress", prepare=without_perf_events)
        found = severe(judge(watch))
        check(not found, f"reported: {found}")
        text = holter("diagnose", watch.recording).stdout
        for said in watch.said(), text:
            check("not observed: stalls in which the thread runs" in said, f"says {said!r}")
    return first["summary"]


def ends():
    """the process ends meanwhile: so does the tool, with what there is"""
    with work_folder() as folder, redis(folder) as (server, _), Watch(server.process.pid, folder) as watch:
        server.stop(signal.SIGKILL)
        check(watch.wait() == 0, f"ended with {watch.process.returncode}: {watch.said()}")
        check("ended while it was watched" in watch.said(), f"says {watch.said()!r}")
        diagnose(watch.recording)


run_cases(node_computes, node_waits, node_nested, redis_lua, redis_busy, redis_pipelined, nginx_busy, node_busy, never_asleep,
          never_asleep_and_slow, poll_loop, unprivileged, refused, blind, ends)
