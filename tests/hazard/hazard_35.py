#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 35: what a tool that is killed leaves behind: probes in the kernel, a server that is not as it was.

The tool is killed at random moments: while it loads, attaches, records and closes. HOLTER_SEED repeats a run.
"""
import concurrent.futures
import contextlib
import hashlib
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from attaching import begin, is_recording, kill, wants_root
from bpf_objects import all_ids, left_over, of_process
from harness import (HOLTER, PROGRAMS, SOAK, Server, check, free_port, get, holter, node, program, run_cases,
                     without_holter, work_folder)

KILLS = 1000 if SOAK else 200
TARGETS = 6  # at once, each with a tool of its own: the kernel takes its time to take probes away
DURATION = "600ms"
AFTER = 0.8  # seconds after its recording began: by then a tool ends by itself
STALL_MS = 20
STOPPED_MS = 1
TOOLS = 15  # on a thread that must not be stopped, one after the other
FAULTS = pathlib.Path(__file__).parent.parent / "integration" / "servers" / "faults.js"


def stalling(pid, path, duration=DURATION):
    return begin(pid, path, duration, "--threshold", str(STALL_MS))


class Target:
    """A server, and all that must be after a tool as it was before it."""

    def __init__(self, server, is_still):
        self.server, self.pid, self.port = server, server.process.pid, server.port
        self.is_still = is_still  # it maps nothing of its own accord any more

    def state(self):
        """What it is, apart from its memory's content."""
        base = pathlib.Path(f"/proc/{self.pid}")
        mappings = (base / "maps").read_text()
        if not self.is_still:
            mappings = "\n".join(line for line in mappings.splitlines() if " r-xp " in line and line.rpartition(" ")[2][:1] == "/")
        status = dict(line.split(":\t", 1) for line in (base / "status").read_text().splitlines() if ":\t" in line)
        kept = [key for key in status if re.match("Sig(Blk|Ign|Cgt)|TracerPid|Seccomp|NoNewPrivs|Threads", key)]
        descriptors = {}
        for entry in (base / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed since it was listed
                descriptors[entry.name] = os.readlink(entry)
        return {"mappings": mappings, "descriptors": descriptors, **{key: status[key] for key in kept}}

    def text(self):
        """A hash of the content of all its executable files' mappings: a breakpoint would show."""
        digest = hashlib.sha256()
        with open(f"/proc/{self.pid}/maps") as maps, open(f"/proc/{self.pid}/mem", "rb", buffering=0) as memory:
            for line in maps:
                addresses, rights, rest = line.split(None, 2)
                if rights != "r-xp" or rest.rpartition(" ")[2][:1] != "/":
                    continue
                start, end = (int(part, 16) for part in addresses.split("-"))
                memory.seek(start)
                digest.update(memory.read(end - start))
        return digest.hexdigest()

    def remember(self):
        """As it is once the last connection of its start has gone."""
        state = None
        while state != (state := self.state()):
            time.sleep(1)
        self.before = state, self.text()

    def changed(self):
        now, before = self.state(), self.before[0]
        return {key: (before[key], now[key]) for key in before if now[key] != before[key]}

    def check(self, with_text=False):
        deadline = time.monotonic() + 5
        while self.changed() and time.monotonic() < deadline:
            time.sleep(0.05)  # the connection of a request is being closed
        check(not self.changed(), f"of the server has changed: {self.changed()}")
        check(not with_text or self.text() == self.before[1], "the server's text has changed")
        check(get(self.port, seconds=5), "the server does not answer")


@contextlib.contextmanager
def targets(folder):
    """Servers that stall: a Node, and programs whose mappings stay exactly as they are."""
    with contextlib.ExitStack() as stack:
        found = []
        for i in range(TARGETS):
            port, own = free_port(), folder / str(i)
            own.mkdir()
            command = [node(), FAULTS] if i == 0 else [PROGRAMS / "35_target", port]
            server = stack.enter_context(Server(command, own, {"PORT": str(port)}, port))
            found.append(Target(server, i != 0))
        for target in found:
            for _ in range(3):  # what a first request brings is no work of the tool's
                get(target.port)
            target.remember()
        yield found


class Tally:
    """What was killed when."""

    def __init__(self):
        self.early = self.running = self.ended = self.written = 0


def kill_one(target, path, moment, tally):
    """One tool on a target, killed after a while, and the target and its recording afterwards."""
    path.unlink(missing_ok=True)
    tool = stalling(target.pid, path)
    time.sleep(moment)
    began = path.exists() and path.stat().st_size > 0
    said = kill(tool)
    status = tool.returncode
    check(status in (0, -signal.SIGKILL), f"the tool ended with {status}: {said}")
    tally.ended += status == 0
    tally.early += not began
    tally.running += began and status != 0
    target.check()
    if began:
        tally.written += 1
        done = holter("dump", path)
        check(done.returncode == 0 and "head" in done.stdout, f"the recording is not readable: {done.stderr}{done.stdout[:200]}")


def start_seconds(target, path):
    """How long a tool takes to begin its recording, on this machine and among the others."""
    began = time.monotonic()
    tool = stalling(target.pid, path)
    is_recording(path)
    took = time.monotonic() - began
    kill(tool)
    return took


def kill_many(target, folder, number, rng, tally):
    path = folder / "killed.holter"
    for i in range(number):
        if i % 20 == 0:
            latest = start_seconds(target, path) + AFTER
        kill_one(target, path, rng.uniform(0, latest), tally)
        if target.is_still and i % 10 == 0:
            target.check(with_text=True)


def tracing_files():
    """Lists of probes that outlive whoever wrote them (tracefs)."""
    found = {}
    for name in ("uprobe_events", "kprobe_events", "dynamic_events"):
        for base in ("/sys/kernel/tracing", "/sys/kernel/debug/tracing"):
            with contextlib.suppress(OSError):
                found[name] = pathlib.Path(base, name).read_text()
    return found


def killed():
    """killed at random moments, it leaves nothing: no probe in the kernel, the servers as they were, the recordings readable"""
    wants_root()
    seed = int(os.environ.get("HOLTER_SEED") or time.time())
    print(f"# HOLTER_SEED={seed}", flush=True)
    tallies = [Tally() for _ in range(TARGETS)]
    before, files = all_ids(), tracing_files()
    with work_folder() as folder, targets(folder) as found, concurrent.futures.ThreadPoolExecutor(TARGETS) as pool:
        jobs = [pool.submit(kill_many, target, target.server.log.parent, len(range(i, KILLS, TARGETS)),
                            random.Random(seed + i), tallies[i]) for i, target in enumerate(found)]
        for job in jobs:
            job.result()
        for target in found:
            target.check(with_text=True)
        left = left_over(before)
        check(not left, f"is left in the kernel: {sorted(left)}")
        check(tracing_files() == files, f"tracefs: {tracing_files()}, and was {files}")
    total = {key: sum(getattr(tally, key) for tally in tallies) for key in ("early", "running", "ended", "written")}
    # All phases were hit, or the case has shown little.
    check(total["early"] > KILLS / 20 and total["running"] > KILLS / 20, f"of {KILLS}: {total}")
    return f"of {KILLS} tools {total['early']} had written nothing yet, {total['ended']} had ended; {total['written']} recordings"


def control():
    """what looks for left-overs sees the probes of a tool that works, and a map that nobody holds but a file"""
    wants_root()
    bpftool = program("bpftool")
    before = all_ids()
    with work_folder() as folder, targets(folder) as found:
        tool = stalling(found[1].pid, folder / "alive.holter", "30s")
        deadline = time.monotonic() + 20
        while not any("link_id" in fields for fields in of_process(tool.pid)):
            check(time.monotonic() < deadline and tool.poll() is None, "the tool has no probes")
            time.sleep(0.05)
        new = {kind for kind, _ in all_ids() - before}
        kill(tool)
        check({"prog", "map", "link"} <= new, f"only {new} is seen of a tool that works")
        check(not left_over(before), "a tool that was killed has left something")
        mounted = folder / "bpf"
        mounted.mkdir()
        subprocess.run(["mount", "-t", "bpf", "bpf", mounted], check=True)
        pinned = mounted / "left"
        made = subprocess.run([bpftool, "map", "create", pinned, "type", "array", "key", "4", "value", "4", "entries", "1",
                               "name", "left"], capture_output=True, text=True)
        try:
            check(made.returncode == 0, made.stderr)
            check(left_over(before, 1), "a map that was left is not seen")
        finally:
            subprocess.run(["umount", mounted], check=True)  # and the map with it


def stopped(folder, with_tool):
    """The longest time in ms that a busy thread of a server could not run for no reason of the scheduler's; how often for 1 ms."""
    port = free_port()
    rng = random.Random(port)
    with Server([PROGRAMS / "35_target", port, "clock"], folder, port=port) as server:
        for i in range(TOOLS):
            if with_tool:
                tool = stalling(server.process.pid, folder / f"stop-{i}.holter")
                time.sleep(rng.uniform(0.2, 1.2))
                kill(tool)
            else:
                time.sleep(rng.uniform(0.2, 1.2))
        server.stop()
        longest_ns, windows, stops = map(int, server.printed().split())
    for path in folder.glob("stop-*"):
        path.unlink()
    check(windows > 200, f"only {windows} readings")
    return longest_ns / 1e6, stops


def never_stopped():
    """a thread that always runs is never kept from running for a millisecond"""
    wants_root()
    with work_folder() as folder:
        alone, tried = stopped(folder, with_tool=False), []
        for _ in range(4):
            tried.append(stopped(folder, with_tool=True))
            if tried[-1][0] < STOPPED_MS:
                break
        remark = f"longest in ms, how often for {STOPPED_MS} ms: {tried}, without a tool {alone}"
        # A virtual machine's own host stops all of it now and then. A tool that stops the server does so each time.
        check(tried[-1][0] < STOPPED_MS or min(stops for _, stops in tried) < TOOLS / 2, remark)
        return remark


def stops_are_seen():
    """the same server, stopped by hand for 3 ms, says so"""
    port = free_port()
    with work_folder() as folder, Server([PROGRAMS / "35_target", port, "clock"], folder, port=port) as server:
        time.sleep(0.5)
        os.kill(server.process.pid, signal.SIGSTOP)
        states = list(pathlib.Path(f"/proc/{server.process.pid}/task").glob("*/stat"))
        while not all(path.read_text().rpartition(")")[2].split()[0] == "T" for path in states):
            time.sleep(0.001)
        time.sleep(0.003)
        os.kill(server.process.pid, signal.SIGCONT)
        time.sleep(0.5)
        server.stop()
        longest_ns, _, stops = map(int, server.printed().split())
    check(longest_ns > 2.5e6 and stops >= 1, f"a stop of 3 ms was taken for {longest_ns / 1e6} ms, and {stops} stops")


def no_hand_on_it():
    """it never traces the server, sends it a signal, or writes into its memory"""
    wants_root()
    strace = program("strace")
    with work_folder() as folder:
        port = free_port()
        with Server([PROGRAMS / "35_target", port], folder, port=port) as server:
            trace, pid = folder / "trace", server.process.pid
            wanted = ("ptrace,kill,tkill,tgkill,rt_sigqueueinfo,rt_tgsigqueueinfo,pidfd_send_signal,process_vm_writev,"
                      "pidfd_getfd,process_madvise,open,openat,openat2,creat,prlimit64,sched_setaffinity,setpriority")
            done = subprocess.run([strace, "-f", "-o", trace, "-e", f"trace={wanted}", HOLTER, "attach", "-p", str(pid), "-d", "2s",
                                   "-o", folder / "traced.holter"], capture_output=True, text=True, env=without_holter())
            check(done.returncode == 0, done.stderr)
            lines = trace.read_text().splitlines()
            check(len(lines) > 20 and any(f"/proc/{pid}/" in line for line in lines), "strace saw nothing")
            opened = re.compile(r" (open|openat|openat2|creat)\(")
            for line in lines:
                is_open = opened.search(line)
                touches = (f"/proc/{pid}" in line and re.search("O_WRONLY|O_RDWR|O_CREAT", line)) if is_open else f"({pid}," in line
                check(not touches, f"does this to the server: {line}")


run_cases(killed, control, never_stopped, stops_are_seen, no_hand_on_it)
