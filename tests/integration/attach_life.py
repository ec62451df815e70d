#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What may happen to a process while it is watched from outside, and to the tool: nothing is lost, and nothing is made up."""
import contextlib
import fcntl
import os
import pathlib
import pty
import re
import signal
import socket
import subprocess
import sys
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from attaching import attach, begin, blames, finish, is_recording, serving, wants_root
from harness import (HOLTER, PROGRAMS, Recording, Server, Skip, check, diagnose, free_port, holter, node, preloaded, program,
                     run_cases, severe, uses_node, without_holter, work_folder)

SERVERS = pathlib.Path(__file__).parent / "servers"
STALL_MS, PERIOD_MS = 120, 400  # of life.js
GONE = 4


def life(*words):
    return serving(node(), SERVERS / "life.js", *words)


def observed(path):
    """The threads that a verdict says were observed: [(name, thread, what)]."""
    text = holter("diagnose", path).stdout
    return re.findall(r"^  (?:main )?thread (\S+) \(tid (\d+)\): (.*)$", text, re.M)


def ends(number):
    @uses_node
    def run():
        with life("stalls") as (server, folder, _):
            path = folder / "x.holter"
            tool = begin(server.process.pid, path, "60s")
            is_recording(path)
            time.sleep(2.5)
            server.process.send_signal(number)
            said = finish(tool)
            check("ended while it was watched" in said, f"says {said!r}")
            stalls = blames(path, "waitForLock")["findings"][0]["stall"]["count"]
            check(stalls >= 4, f"{stalls} stalls")
            # Its last turns are counted once.
            turns, busy = re.search(r"^(\d+) turns, busy ([\d.]+) %", observed(path)[0][2]).groups()
            check(stalls <= int(turns) < 100 and float(busy) < 60, f"{turns} turns, busy {busy} %")

    run.__doc__ = f"a server that ends by {number.name}: the recording is complete, and it is said"
    return run


@uses_node
def is_killed():
    """a server that hangs and is killed for it: the hang is a finding"""
    with life("endless") as (server, folder, _):
        path = folder / "x.holter"
        time.sleep(0.5)
        tool = begin(server.process.pid, path, "60s")
        is_recording(path)
        time.sleep(3)
        server.process.kill()
        said = finish(tool)
        check("ended while it was watched" in said, f"says {said!r}")
        found = severe(diagnose(path))
        check(found and found[0]["culprit"]["function"] == "spinForEver", f"finds {found}")
        check(found[0]["severity"] == "critical", f"is {found[0]['severity']}")


def hangs(function, cause, *command):
    with serving(*command) as (server, folder, _):
        time.sleep(1)
        path = folder / "x.holter"
        attach(server.process.pid, path, "3s")
        found = severe(diagnose(path))
        check(len(found) == 1 and (found[0]["culprit"] or {}).get("function") == function, f"finds {found}")
        check(found[0]["cause"] == cause and found[0]["severity"] == "critical", f"{found[0]['severity']}: {found[0]['cause']}")
        for words in ("at least", "still held it"):
            check(words in found[0]["summary"], found[0]["summary"])
        check(found[0]["stall"]["count"] == 1 and found[0]["stall"]["total_ms"] > 1500, found[0]["stall"])
        return found[0]["summary"]


@uses_node
def hangs_busy():
    """it hangs already, in an endless loop"""
    return hangs("spinForEver", "on-cpu", node(), SERVERS / "life.js", "endless")


@uses_node
def hangs_in_a_pipe():
    """it hangs already, opening a pipe that nobody writes to"""
    with work_folder() as folder:
        pipe = folder / "pipe"
        os.mkfifo(pipe)
        return hangs("readOrders", "blocked", node(), SERVERS / "life.js", "pipe", pipe)


def hangs_asleep():
    """it hangs already, asleep in a coroutine"""
    return hangs("think", "blocked", "/usr/bin/python3", SERVERS / "life.py", "asleep")


@uses_node
def idle():
    """one that only waits is no process without a loop"""
    with life("idle") as (server, folder, _):
        path = folder / "x.holter"
        attach(server.process.pid, path, "2s")
        check(not diagnose(path)["findings"], "an idle server has findings")
        text = holter("diagnose", path).stdout
        check("no event loop" not in text, text)
        pid = str(server.process.pid)
        check(pid in [thread for _, thread, _ in observed(path)], f"its loop is not named: {text}")


@uses_node
def stopped():
    """a stopped one: that is said, and what it does afterwards is seen"""
    with life("stalls") as (server, folder, _):
        path = folder / "x.holter"
        os.kill(server.process.pid, signal.SIGSTOP)
        tool = begin(server.process.pid, path, "5s")
        is_recording(path)
        time.sleep(1)
        os.kill(server.process.pid, signal.SIGCONT)
        said = finish(tool)
        check("was stopped" in said, f"says {said!r}")
        found = severe(diagnose(path))
        check(any((finding["culprit"] or {}).get("function") == "waitForLock" for finding in found), f"finds {found}")
        check("was stopped" in holter("diagnose", path).stdout, "the recording does not say so")


def stopped_in_a_poll(method):
    def run():
        with serving("/usr/bin/python3", SERVERS / "life.py", "polls") as (server, folder, port):
            path = folder / "x.holter"
            tool = begin(server.process.pid, path, "6s", "--method", method)
            is_recording(path)
            for _ in range(25):
                visit(port, 5)
                time.sleep(0.1)
            os.kill(server.process.pid, signal.SIGSTOP)
            time.sleep(0.3)
            os.kill(server.process.pid, signal.SIGCONT)
            finish(tool)
            check(not severe(diagnose(path)), f"a wait was taken for a stall: {diagnose(path)['findings']}")
            check(observed(path), "its loop was not seen")

    run.__doc__ = f"one that is stopped while it waits by poll: its wait goes on, and is no stall ({method})"
    return run


def few_descriptors():
    """a tool that may open but few files takes what it may"""
    with serving(PROGRAMS / "life") as (server, folder, _):
        path = folder / "x.holter"
        attach(server.process.pid, path, "2s", "--method", "ebpf", before=["prlimit", "--nofile=24:4096"])
        blames(path, "flush_journal")


def zombie():
    """one that has ended and was not waited for is gone"""
    with work_folder() as folder:
        ended = subprocess.Popen(["true"])
        try:
            while not pathlib.Path(f"/proc/{ended.pid}/stat").read_text().rpartition(")")[2].startswith(" Z"):
                time.sleep(0.01)
            said = finish(begin(ended.pid, folder / "x.holter", "2s"), GONE)
            check("has ended" in said and not (folder / "x.holter").exists(), f"says {said!r}")
        finally:
            ended.wait()


def slowly(folder, pid, meanwhile):
    """A tool that chooses a process, loads its probes for long, while something happens, and says something."""
    path, waits = folder / "x.holter", folder / "waits"
    tool = begin(pid, path, "2s", environment={"LD_PRELOAD": os.environ.get("HOLTER_OTHER_KERNEL", ""), "OTHER_WAITS": str(waits)})
    while not waits.exists():
        time.sleep(0.01)
    meanwhile()
    waits.unlink()
    said = finish(tool, GONE)
    check("has ended" in said and len(said.splitlines()) == 1, f"says {said!r}")
    check(not path.exists(), "there is a recording")


def ends_meanwhile():
    """one that ends while the probes are loaded is gone, and so is one that its parent has not noticed yet"""
    with serving(PROGRAMS / "life") as (server, folder, _):
        slowly(folder, server.process.pid, server.stop)
    with serving(PROGRAMS / "life") as (server, folder, _):
        slowly(folder, server.process.pid, server.process.kill)


def replaced_meanwhile():
    """another process has its number by then: that one was not meant"""
    last = pathlib.Path("/proc/sys/kernel/ns_last_pid")
    if not os.access(last, os.W_OK):
        raise Skip("this kernel does not let pids be chosen")
    with serving(PROGRAMS / "life") as (server, folder, port):
        pid, others = server.process.pid, []

        def replace():
            server.stop()
            while not others or others[-1].pid != pid:
                check(len(others) < 50, f"no process got pid {pid}")
                last.write_text(str(pid - 1))
                others.append(subprocess.Popen([PROGRAMS / "life"], env={**without_holter(), "PORT": str(port)},
                                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

        try:
            slowly(folder, pid, replace)
        finally:
            for other in others:
                other.kill()
                other.wait()


def becomes(*options):
    with serving("/usr/bin/python3", SERVERS / "life.py", node(), SERVERS / "life.js", "stalls") as (server, folder, _):
        path = folder / "x.holter"
        tool = begin(server.process.pid, path, "8s", *options)
        is_recording(path)
        time.sleep(1)
        os.kill(server.process.pid, signal.SIGUSR2)
        said = finish(tool)
        check("runs another program" in said, f"says {said!r}")
        found = blames(path, "waitForLock")
        check(found["recording"]["runtime"].startswith("node "), f"takes it for {found['recording']['runtime']}")
        return [name for name, _, _ in observed(path)]


@uses_node
def becomes_another():
    """one that becomes another program is named anew, and that one's stalls are its own"""
    names = becomes()
    check("python3" in names and "node" in names, f"saw {names}")


@uses_node
def becomes_another_by_poll():
    """the same without eBPF, which sees no short turns"""
    check("node" in becomes("--method=poll"), "the new program's thread is not there")


def are_recordings(folder, name, number):
    """Waits until so many children have recordings."""
    deadline = time.monotonic() + 60
    while len(found := sorted(folder.glob(f"{name}.holter.*"))) < number:
        check(time.monotonic() < deadline, f"of {number} children: {found}")
        time.sleep(0.05)


@uses_node
def children():
    """with --children each worker has a recording, and what only ran for a moment has none; without, there is one in all"""
    with life("cluster") as (server, folder, _):
        with_children, polled, without = folder / "with.holter", folder / "polled.holter", folder / "without.holter"
        tools = [begin(server.process.pid, with_children, "120s", "--children"), begin(server.process.pid, without, "120s"),
                 begin(server.process.pid, polled, "120s", "--children", "--method=poll")]
        for path in (with_children, polled, without):
            is_recording(path)
        os.kill(server.process.pid, signal.SIGUSR2)
        for name in ("with", "polled"):
            are_recordings(folder, name, 3)
        time.sleep(14)  # more than the ten seconds that may be start-up
        for tool in tools:
            tool.send_signal(signal.SIGINT)
            said = finish(tool)
            check("threads of the process" not in said and "perf" not in said, f"says of a child that has ended: {said!r}")
        for name in ("with", "polled"):
            own = sorted(folder.glob(f"{name}.holter.*"))
            check(len(own) == 3, f"of three workers, and of `true`: {own}")
            for path in own:
                blames(path, "waitForLock")
                path.unlink()  # where nothing is wrong with the primary, its diagnosis would be that of a worker
        check(not list(folder.glob("without.holter.*")), "without --children there are recordings of children")
        for path in (with_children, without):
            others = [(finding["culprit"] or {}).get("function") for finding in diagnose(path)["findings"]]
            check("waitForLock" not in others, f"{path.name} has the stalls of a worker: {others}")


def visit(port, times=100):
    for _ in range(times):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as visitor:
            visitor.sendall(b"GET / HTTP/1.0\r\n\r\n")
            while visitor.recv(4096):
                pass


def workers(master, others, number):
    """Waits until a process has so many children, and none of the others any more; their pids."""
    deadline = time.monotonic() + 60
    while True:
        found = set(map(int, pathlib.Path(f"/proc/{master}/task/{master}/children").read_text().split()))
        if len(found) == number and not found & others:
            return found
        check(time.monotonic() < deadline, f"{found} instead of {others}")
        time.sleep(0.05)


def nginx_workers():
    """nginx: each worker of a master that waits by no call of ours"""
    wants_root()
    found, port = program("nginx"), free_port()
    with work_folder() as folder:
        (folder / "nginx.conf").write_text(
            f"worker_processes 2; daemon off; pid {folder}/pid; error_log stderr;\nevents {{}}\n"
            f"http {{ access_log off; server {{ listen 127.0.0.1:{port}; root {folder}; }} }}\n")
        (folder / "index.html").write_text("here\n")
        with Server([found, "-c", folder / "nginx.conf", "-p", folder], folder, port=port) as server:
            path = folder / "x.holter"
            old = workers(server.process.pid, set(), 2)
            tool = begin(server.process.pid, path, "120s", "--children")
            is_recording(path)
            visit(port)
            os.kill(server.process.pid, signal.SIGHUP)  # new workers
            workers(server.process.pid, old, 2)
            are_recordings(folder, "x", 4)
            visit(port)
            tool.send_signal(signal.SIGINT)
            finish(tool)
            own = {int(one.suffix[1:]): one for one in folder.glob("x.holter.*")}
            check(len(own) == 4, f"of two workers that were there, and two new ones: {own}")
            before, since = ([one for pid, one in own.items() if (pid in old) == was_there] for was_there in (True, False))
            for those, kind in ((before, "that was there"), (since, "that is new")):
                check(any("turns" in what for one in those for _, _, what in observed(one)), f"no turn of a worker {kind} was seen")


@uses_node
def threads_end():
    """threads that stall and end: each is a loop, and the function is named"""
    with life("workers") as (server, folder, _):
        path = folder / "x.holter"
        attach(server.process.pid, path, "6s")
        blames(path, "waitForTool")
        seen = [what for _, thread, what in observed(path) if thread != str(server.process.pid)]
        stalled = [what for what in seen if re.search(r"longest (1[2-9]|[2-9]\d)\d ms", what)]
        check(len(stalled) >= 3, f"the loops of few workers: {seen}")
        # A slot that is used again begins anew: none has more turns than its thread.
        check(all(int(what.split()[0]) < 30 for what in stalled), f"turns of others: {stalled}")


def native_threads():
    """a native server with three loops: the one that stalls is named, with its function"""
    with serving(PROGRAMS / "life") as (server, folder, _):
        path = folder / "x.holter"
        attach(server.process.pid, path, "4s")
        found = blames(path, "flush_journal")
        check(severe(found)[0]["loop"]["thread"] == "slow", severe(found)[0]["loop"])
        check({name for name, _, _ in observed(path)} == {"quick-1", "quick-2", "slow"}, observed(path))


@uses_node
def preloaded_already():
    """one that records itself: that is said, its stalls are counted once, and no frame is Holter's"""
    with work_folder() as own:
        inside = own / "inside.holter"
        with serving(node(), SERVERS / "life.js", "stalls", environment=preloaded(inside, 50, 10)) as (server, folder, _):
            path = folder / "x.holter"
            began = time.monotonic()
            said = attach(server.process.pid, path, "4s")
            most = (time.monotonic() - began) * 1000 / PERIOD_MS + 1
            check("libholter.so is preloaded" in said, f"says {said!r}")
            check("libholter.so is preloaded" in holter("diagnose", path).stdout, "the recording does not say so")
            count = blames(path, "waitForLock")["findings"][0]["stall"]["count"]
            check(5 <= count <= most, f"{count} stalls")
            frames = {str(frame) for sample in Recording(path).samples for frame in sample["frames"]}
            check(frames and not any("libholter" in frame for frame in frames), "frames of Holter's are in the stacks")
        blames(inside, "waitForLock")


@uses_node
def two_tools():
    """two tools at once: both say so, and both are right"""
    with life("stalls") as (server, folder, _):
        paths = [folder / "first.holter", folder / "second.holter"]
        first = begin(server.process.pid, paths[0], "7s")
        is_recording(paths[0])
        second = begin(server.process.pid, paths[1], "4s")
        for tool, other in ((second, first), (first, second)):
            said = finish(tool)
            check(f"watched by another holter, too (pid {other.pid})" in said, f"says {said!r}")
        for path in paths:
            blames(path, "waitForLock")


def ended_by(number):
    with life("stalls") as (server, folder, _):
        path = folder / "x.holter"
        tool = begin(server.process.pid, path, "60s")
        is_recording(path)
        time.sleep(2.5)
        began = time.monotonic()
        tool.send_signal(number)
        finish(tool)
        took = time.monotonic() - began
        check(took < 20, f"took {took:.1f} s to end")
        found = blames(path, "waitForLock")
        check(2 < found["recording"]["seconds"] < 20, found["recording"])
        check(server.process.poll() is None, "the server ended as well")


@uses_node
def interrupted():
    """Ctrl-C ends it early, with a full recording"""
    ended_by(signal.SIGINT)


@uses_node
def terminated():
    """so does SIGTERM"""
    ended_by(signal.SIGTERM)


@uses_node
def interrupted_diagnosis():
    """Ctrl-C on a terminal ends a diagnosis early, with a verdict"""
    with life("stalls") as (server, _, __):
        leader, follower = pty.openpty()
        tool = subprocess.Popen([HOLTER, "diagnose", "-p", str(server.process.pid), "-d", "60s"], stdin=follower,
                                stdout=subprocess.PIPE, stderr=follower, text=True, start_new_session=True, env=without_holter(),
                                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(follower)
        progress = b""
        while not re.search(rb"(?<!\d)[2-9] s of 60", progress):
            progress += os.read(leader, 4096)
        os.write(leader, b"\x03")
        verdict, _ = tool.communicate(timeout=60)
        os.close(leader)
        check(tool.returncode == 0, f"ended with {tool.returncode}")
        check("waitForLock (life.js:" in verdict, verdict)


@uses_node
def full_disk():
    """a disk that fills up: what was lost is counted and said, and the rest can be read"""
    with life("stalls") as (server, folder, _):
        small = folder / "small"
        small.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1200k", "none", small], capture_output=True, text=True)
        if mounted.returncode:
            raise Skip(f"mount: {mounted.stderr.strip()}")
        try:
            path, filler = small / "x.holter", small / "filler"
            tool = begin(server.process.pid, path, "8s")
            is_recording(path)
            time.sleep(1.5)
            with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            time.sleep(3)
            filler.unlink()
            said = finish(tool)
            check("No space left" in said, f"says {said!r}")
            blames(path, "waitForLock")
            check("were not written" in holter("diagnose", path).stdout, "the recording does not say what is missing")
        finally:
            subprocess.run(["umount", small], check=True)


@uses_node
def bad_words():
    """a folder that is not there, a time that is none, a file that is no recording, and no file at all are refused at once"""
    with life("idle") as (server, folder, _):
        pid, kept = str(server.process.pid), folder / "kept"
        kept.write_text("not ours\n")
        for words, said in ((["-o", "/proc/nowhere/x.holter"], "no recording"), (["-o", kept], "is no recording"),
                            (["-d", "0", "-o", folder / "x"], "needs a time"), (["-d", "-1s", "-o", folder / "x"], "needs a time"),
                            (["-d", "3 parsecs", "-o", folder / "x"], "needs a time"), ([], "a file for the recording (-o)")):
            done = holter("attach", "-p", pid, *words)
            lines = done.stderr.splitlines()
            check(done.returncode not in (0, 1) and len(lines) == 1 and said in lines[0], f"{words}: {done.returncode}, {lines}")
        done = holter("diagnose", "-p", pid, "-d", "1s", "--children")
        check(done.returncode == 2 and "keep them with -o" in done.stderr, f"diagnose --children: {done.returncode}, {done.stderr}")
        check(kept.read_text() == "not ours\n", "a file of somebody else's was written to")
        done = holter("attach", "-p", pid, "-d", "500ms", "-o", folder / "x.holter")
        check(done.returncode == 0 and not done.stderr, done.stderr)
        seconds = diagnose(folder / "x.holter")["recording"]["seconds"]
        check(0.4 < seconds < 3, f"watched for {seconds} s, not half a second")


run_cases(ends(signal.SIGTERM), ends(signal.SIGKILL), is_killed, hangs_busy, hangs_in_a_pipe, hangs_asleep, idle, stopped,
          stopped_in_a_poll("ebpf"), stopped_in_a_poll("poll"), few_descriptors, zombie, ends_meanwhile, replaced_meanwhile,
          becomes_another, becomes_another_by_poll, children, nginx_workers, threads_end, native_threads,
          preloaded_already, two_tools, interrupted, terminated, interrupted_diagnosis, full_disk, bad_words)
