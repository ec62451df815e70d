# SPDX-License-Identifier: Apache-2.0
"""What the tests that run programs share: servers under holter, load, recordings, and TAP.

The build hands in where things are: HOLTER (the tool), HOLTER_LIBRARY (libholter.so), HOLTER_STACKS
(tests/integration/stacks.c), HOLTER_PROGRAMS (the folder of a test's own programs). tests/run hands in HOLTER_NODE; without it
the machine's node is taken.
"""
import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent
HOLTER = os.environ.get("HOLTER", "")
LIBRARY = os.environ.get("HOLTER_LIBRARY", "")
STACKS = os.environ.get("HOLTER_STACKS", "")
PROGRAMS = pathlib.Path(os.environ.get("HOLTER_PROGRAMS", "."))
SOAK = float(os.environ.get("HOLTER_SOAK", "0"))  # seconds that a storm is to last; 0: an ordinary test
MODE = os.environ.get("HOLTER_MODE", "preload")  # how servers are recorded: attach starts them plainly, and `holter attach` beside
NODE_ONLY = os.environ.get("HOLTER_NODE_ONLY") == "1"  # only the cases that run Node (tests/matrix)
SKIP_STATUS = 77


class Skip(Exception):
    """Something that the case needs is not here."""


class Fail(Exception):
    """The case ran, and the answer is wrong."""


def check(condition, text):
    if not condition:
        raise Fail(text)


def program(name):
    """The path of a program that the case needs."""
    found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if not found:
        raise Skip(f"{name} is not installed")
    return found


def node():
    """The Node that the tests are written for; tests/matrix names another."""
    if os.environ.get("HOLTER_NODE"):
        return os.environ["HOLTER_NODE"]
    found = program("node")
    version = subprocess.run([found, "--version"], capture_output=True, text=True).stdout
    if not version.startswith("v20."):
        raise Skip(f"{found} is {version.strip()}, not v20 (tests/node brings it)")
    return found


def free_port():
    """A port that nobody uses, nor the next one.

    It lies below those that the kernel gives to connections: one of these might take it before the server does.
    """
    first_given = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for port in random.sample(range(first_given // 2, first_given - 1), 100):
        with contextlib.suppress(OSError), socket.socket() as one, socket.socket() as next_one:
            one.bind(("127.0.0.1", port))
            next_one.bind(("127.0.0.1", port + 1))
            return port
    raise Fail(f"no port below {first_given} is free")


def without_holter(environment=os.environ):
    """An environment in which nothing is preloaded, no setting of ours inherited, and nothing that the test runner adds."""
    return {key: value for key, value in environment.items()
            if key not in ("LD_PRELOAD", "LD_LIBRARY_PATH", "MALLOC_PERTURB_") and not key.startswith("HOLTER_")}


@contextlib.contextmanager
def work_folder():
    """A private folder that is gone afterwards. Others may pass through, as servers that drop root must."""
    with tempfile.TemporaryDirectory(prefix="holter-test-") as name:
        os.chmod(name, 0o755)
        yield pathlib.Path(name)


def split_off_attach(command):
    """A command of under_holter as the plain one, and what `holter attach` is to be given beside it."""
    if MODE != "attach" or HOLTER not in command:
        return command, None
    begin, end = command.index(HOLTER), command.index("--")
    return command[:begin] + command[end + 1:], command[begin + 2:end]


class Attach:
    """`holter attach` at work on a process."""

    def __init__(self, pid, options, folder):
        self.log = pathlib.Path(folder) / "attach.log"
        recording = pathlib.Path(options[options.index("-o") + 1])
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([HOLTER, "attach", "-p", str(pid), *options], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env=without_holter())
        while not (recording.exists() and recording.stat().st_size):  # its first block is written when it watches
            if self.process.poll() is not None:
                raise Fail(f"holter attach ended with {self.process.returncode}: {self.log.read_text()[-400:]}")
            time.sleep(0.01)

    def wait(self, seconds=60):
        """It ends by itself when the process has."""
        self.process.wait(seconds)
        check(self.process.returncode == 0, f"holter attach ended with {self.process.returncode}: {self.log.read_text()}")


class Server:
    """A program in a process group of its own, with what it prints in a file."""

    def __init__(self, command, folder, environment=None, port=None):
        self.command, attach = split_off_attach([str(part) for part in command])
        self.port, self.attach = port, None
        self.log = pathlib.Path(folder) / "server.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder,
                                            env={**without_holter(), **(environment or {})}, start_new_session=True)
        if port:
            self.wait_port()
        if attach:
            self.attach = Attach(self.process.pid, attach, folder)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def wait_port(self, seconds=30):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise Fail(f"the server ended with {self.process.returncode}: {self.printed()[-400:]}")
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            time.sleep(0.02)
        raise Fail(f"nothing listens on port {self.port} after {seconds} s: {self.printed()[-400:]}")

    def printed(self):
        return self.log.read_text(errors="replace")

    def stop(self, number=signal.SIGTERM, seconds=20):
        """Ends the whole group, in peace if it lets itself be; returns the status of the program."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise Fail(f"{self.command[0]} had not ended {seconds} s after signal {number}") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        if self.attach:
            self.attach.wait()
        return self.process.returncode


def under_holter(command, recording, *options):
    return [HOLTER, "run", "-o", recording, *options, "--", *command]


def preloaded(recording, threshold_ms=10, interval_ms=2):
    """An environment with the library in it, set to sample far more eagerly than anybody would."""
    return {"LD_PRELOAD": LIBRARY, "HOLTER_OUT": str(recording), "HOLTER_THRESHOLD_MS": str(threshold_ms),
            "HOLTER_INTERVAL_MS": str(interval_ms)}


def run_program(name, *arguments, environment=None, seconds=60):
    """Runs one of the test's own programs to its end; returns the finished process, output as text."""
    try:
        return subprocess.run([PROGRAMS / name, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, errors="replace", timeout=seconds, env={**without_holter(), **(environment or {})})
    except subprocess.TimeoutExpired:
        raise Fail(f"{name} had not ended after {seconds} s") from None


def load_command(port, seconds, **plan):
    """Visitors for some seconds, as a command; plan: path without its slash -> visits a second ("root" is /)."""
    paths = [f"/{'' if path == 'root' else path}={rate}" for path, rate in plan.items()]
    return [sys.executable, TOP / "demo" / "load.py", str(port), str(seconds), *paths]


def load(port, seconds, **plan):
    """The same, until they have gone."""
    subprocess.run(load_command(port, seconds, **plan), check=True, env=without_holter())


def get(port, path="/", seconds=30):
    """One GET request by hand; returns the whole answer, or what came of it."""
    with socket.create_connection(("127.0.0.1", port), seconds) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return answer


def holter(*arguments, environment=None, seconds=120):
    """Runs the tool to its end; returns the finished process, output as text."""
    return subprocess.run([HOLTER, *map(str, arguments)], capture_output=True, text=True, errors="replace",
                          timeout=seconds, env={**without_holter(), **(environment or {})})


def diagnose(recording, *options):
    done = holter("diagnose", "--json", *options, recording)
    check(done.returncode == 0, f"holter diagnose ended with {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def severe(diagnosis, host=False):
    """The findings that call for somebody.

    That the machine gave a server no CPU is left out, unless `host` asks for it: others may use the machine while a test runs.
    """
    return [finding for finding in diagnosis["findings"] if finding["severity"] in ("warning", "critical")
            and (host or finding["cause"] != "runqueue")]


class Frame:
    def __init__(self, text):
        self.text = text
        self.function, _, rest = text.rpartition("@")
        self.module, _, line = rest.rpartition(":")
        self.line = int(line or 0)

    def __repr__(self):
        return self.text


class Recording:
    """A recording as tests/integration/stacks.c prints it: stalls, and samples with named frames."""

    def __init__(self, path):
        done = subprocess.run([STACKS, path], capture_output=True, text=True, errors="replace", env=without_holter())
        check(done.returncode == 0, f"{path} cannot be read: {done.stderr.strip()}")
        self.stalls, self.samples, self.lost = [], [], {}
        for line in done.stdout.splitlines():
            kind, *fields = line.split("\t")
            if kind == "head":
                self.program, self.runtime, self.unwinder = fields
            elif kind == "lost":
                self.lost[int(fields[0])] = int(fields[1])
            elif kind == "stall":
                self.stalls.append({"id": int(fields[0]), "ms": float(fields[1]), "ended": fields[2] == "ended",
                                    "startup": fields[3] == "startup", "samples": int(fields[4])})
            elif kind == "sample":
                frames = [Frame(part) for part in re.split(r";(?=[^;]*@)", fields[3]) if part]
                self.samples.append({"stall": int(fields[0]), "ms": float(fields[1]),
                                     "complete": fields[2] == "complete", "frames": frames})


def uses_node(case):
    """Marks a case in which a Node runs, so that tests/matrix repeats it with each version."""
    case.uses_node = True
    return case


def run_cases(*cases):
    """Runs functions as TAP cases, named by their first line of documentation; ends the program."""
    if NODE_ONLY:
        cases = [case for case in cases if getattr(case, "uses_node", False)]
    print(f"1..{len(cases)}", flush=True)
    good = True
    for number, case in enumerate(cases, 1):
        name = (case.__doc__ or case.__name__).strip().splitlines()[0]
        began = time.monotonic()
        try:
            remark = case()
            print(f"ok {number} - {name}" + (f"\n# {remark}" if remark else ""), flush=True)
        except Skip as reason:
            print(f"ok {number} - {name} # SKIP {reason}", flush=True)
        except Exception as reason:  # a case may fail in any way; the others still run
            good = False
            lines = str(reason) if isinstance(reason, Fail) else traceback.format_exc()
            print(f"not ok {number} - {name}", *(f"# {line}" for line in lines.splitlines()), sep="\n", flush=True)
            print(f"{name}: {lines}", file=sys.stderr, flush=True)  # meson shows this, and not the lines above
        print(f"# {time.monotonic() - began:.1f} s", flush=True)
    sys.exit(0 if good else 1)
