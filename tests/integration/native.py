#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Native servers, built without frame pointers: whole stacks down to _start, and the function to blame.

redis-server, nginx and haproxy are the distribution's own, stripped; the stalls are real ones that their users have met.
"""
import os
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import (Recording, Server, check, diagnose, free_port, get, load, program, run_cases, severe, under_holter,
                     work_folder)

LOOPS = os.environ.get("HOLTER_LOOPS", "")
ORDERS = os.environ.get("HOLTER_ORDERS", "")
STALLS = 8
VISITS = STALLS + 4  # the first may come before it is known for a server, the last be cut off


def whole(sample, executable):
    """Whether a stack reaches the process's first frame: the executable's _start, called through libc."""
    frames = sample["frames"]
    return (sample["complete"] and len(frames) >= 4 and frames[-1].module == executable
            and any(frame.module.startswith("libc.so") for frame in frames[-3:-1]))


def check_stacks(path, executable, *functions):
    """Checks that the samples are whole, and that the functions appear on most, in that order from the inside."""
    recording = Recording(path)
    samples = recording.samples
    check(len(samples) >= 2 * STALLS, f"{len(samples)} samples of {len(recording.stalls)} stalls")
    good = [sample for sample in samples if whole(sample, executable)]
    bad = next((sample for sample in samples if sample not in good), None)
    check(len(good) >= 0.98 * len(samples), f"{len(good)} of {len(samples)} stacks are whole; not so: {bad}")
    for function in functions:
        shown = sum(any(frame.function == function for frame in sample["frames"]) for sample in samples)
        check(shown >= 0.8 * len(samples), f"{function} is on {shown} of {len(samples)}: {samples[0]['frames']}")
    return f"{len(good)} of {len(samples)} stacks are whole, {len(samples[0]['frames'])} frames the first"


def check_verdict(path, cause, module):
    found = severe(diagnose(path))
    check(found and found[0]["kind"] == "stall" and found[0]["cause"] == cause, f"reported: {found}")
    culprit = found[0]["culprit"]
    check(module in (culprit["module"] or ""), f"blames {culprit['function']} in {culprit['module']}")
    check(found[0]["stall"]["count"] >= STALLS, f"counts {found[0]['stall']['count']} stalls")
    return culprit


def redis(folder, *commands):
    """Runs redis-server under holter, with each command sent in turn; returns where the recording is."""
    port, recording = free_port(), folder / "redis.holter"
    command = [program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
               "--enable-debug-command", "yes", "--dir", str(folder)]
    with Server(under_holter(command, recording), folder, port=port):
        with socket.create_connection(("127.0.0.1", port), 20) as connection:
            for parts in commands:
                begin = time.monotonic()
                connection.sendall(b"*%d\r\n" % len(parts))
                for part in parts:
                    connection.sendall(b"$%d\r\n%s\r\n" % (len(part), part.encode()))
                answer = connection.recv(4096)
                check(not answer.startswith(b"-"), f"redis answers {answer!r}")
                if parts[0] == "DEBUG":
                    slept = time.monotonic() - begin
                    check(slept >= float(parts[2]), f"a sleep of {parts[2]} s took {slept:.3f} s: it was interrupted")
                time.sleep(0.02)
    return recording


def redis_lua():
    """redis: a long Lua script"""
    script = "local x = 0 for i = 1, 8000000 do x = x + i % 7 end return x"
    with work_folder() as folder:
        path = redis(folder, *[["EVAL", script, "0"]] * STALLS)
        check_verdict(path, "on-cpu", "redis-server")
        return check_stacks(path, "redis-server", "evalGenericCommand", "call", "processCommand", "aeMain", "main")


def redis_sleep():
    """redis: DEBUG SLEEP, blocked, and never woken early"""
    with work_folder() as folder:
        path = redis(folder, *[["DEBUG", "SLEEP", "0.2"]] * STALLS)
        check_verdict(path, "blocked", "redis-server")
        return check_stacks(path, "redis-server", "debugCommand", "aeMain", "main")


def redis_keys():
    """redis: a sort of everything, as no one should ask for"""
    fill = "for i = 1, 700000 do redis.call('rpush', 'list', (i * 7919) % 700000) end return 1"
    with work_folder() as folder:
        path = redis(folder, ["EVAL", fill, "0"], *[["SORT", "list", "LIMIT", "0", "1"]] * STALLS)
        return check_stacks(path, "redis-server", "call", "processCommand", "aeMain", "main")


def redis_healthy():
    """redis: quick commands, nothing is reported"""
    with work_folder() as folder:
        found = severe(diagnose(redis(folder, *[["PING"]] * 200)))
        check(not found, f"reported: {found}")


def nginx():
    """nginx: a location whose pattern backtracks for ever"""
    port = free_port()
    with work_folder() as folder:
        (folder / "logs").mkdir()
        (folder / "nginx.conf").write_text(f"""
            daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
            events {{ }}
            http {{
                access_log off;
                server {{
                    listen 127.0.0.1:{port};
                    location ~ ^/name/((\\w+\\s?)+)+$ {{ return 200 "name"; }}
                    location / {{ return 200 "hello"; }}
                }}
            }}""")
        path = folder / "nginx.holter"
        command = [program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf")]
        with Server(under_holter(command, path), folder, port=port):
            for _ in range(VISITS):
                get(port, "/name/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa%21")
                get(port)
        check_verdict(path, "on-cpu", "nginx")
        return check_stacks(path, "nginx")


def haproxy():
    """haproxy: a Lua fetch that computes for long"""
    port = free_port()
    with work_folder() as folder:
        (folder / "slow.lua").write_text("core.register_fetches('slow', function() local x = 0"
                                         " for i = 1, 8000000 do x = x + i % 7 end return tostring(x) end)")
        (folder / "haproxy.cfg").write_text(f"""
global
    nbthread 1
    lua-load {folder}/slow.lua
defaults
    mode http
    timeout client 20s
    timeout server 20s
    timeout connect 1s
frontend web
    bind 127.0.0.1:{port}
    http-request set-var(txn.slow) lua.slow if {{ path /slow }}
    http-request return status 200 content-type text/plain string hello
""")
        path = folder / "haproxy.holter"
        command = [program("haproxy"), "-db", "-f", str(folder / "haproxy.cfg")]
        with Server(under_holter(command, path), folder, port=port):
            for _ in range(VISITS):
                get(port, "/slow")
                get(port)
        check_verdict(path, "on-cpu", "haproxy")
        return check_stacks(path, "haproxy")


def loops(kind):
    def run():
        with work_folder() as folder:
            port, path = free_port(), folder / "loops.holter"
            with Server(under_holter([LOOPS, kind], path), folder, {"PORT": str(port)}, port) as server:
                load(port, 3, root=40, slow=2, sleep=2)
                check("nanosleep" not in server.printed(), "nanosleep was interrupted")
            found = {finding["cause"]: finding["culprit"] for finding in severe(diagnose(path))}
        check(set(found) == {"on-cpu", "blocked"}, f"causes: {found}")
        for cause, function in (("on-cpu", "burn_on_purpose"), ("blocked", "sleep_on_purpose")):
            culprit = found[cause]
            check(culprit["function"] == function, f"{cause}: blames {culprit['function']}, not {function}")
            check(culprit["file"].endswith("loops.c") and culprit["line"] > 0, f"{culprit['file']}:{culprit['line']}")

    run.__doc__ = f"a hand-written {kind} loop: burning and sleeping apart, function and file of each"
    return run


def loops_healthy():
    """the same epoll loop without faults: nothing is reported"""
    with work_folder() as folder:
        port, path = free_port(), folder / "loops.holter"
        with Server(under_holter([LOOPS, "epoll"], path), folder, {"PORT": str(port)}, port):
            load(port, 3, root=100)
        diagnosis = diagnose(path)
        check(not severe(diagnosis), f"reported: {severe(diagnosis)}")
        check(diagnosis["recording"]["seconds"] > 2, f"only {diagnosis['recording']['seconds']} s observed")


def templates(server, has_lines):
    def run():
        with work_folder() as folder:
            port, path = free_port(), folder / "orders.holter"
            with Server(under_holter([server], path), folder, {"PORT": str(port)}, port):
                load(port, 3, root=40, order=2)
            found, samples = severe(diagnose(path)), Recording(path).samples
        check([finding["cause"] for finding in found] == ["on-cpu"], f"reported: {found}")
        culprit = found[0]["culprit"]
        check(culprit["function"] == "shop::Ledger::settle", f"blames {culprit['function']}")
        own = [frame.function for sample in samples for frame in sample["frames"] if frame.module == Path(server).name]
        check(any(function.startswith("std::") for function in own), f"no template was at work: {set(own)}")
        check((culprit["file"] or "").endswith("orders.cc") == has_lines, f"in {culprit['file']}")

    run.__doc__ = f"C++, {'with' if has_lines else 'without'} debug information: the caller of the library's templates"
    return run


run_cases(redis_lua, redis_sleep, redis_keys, redis_healthy, nginx, haproxy, loops("epoll"), loops("poll"),
          loops("select"), loops_healthy, templates(ORDERS, True), templates(ORDERS + "_plain", False))
