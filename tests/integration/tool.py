#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The tool's manners: exit statuses, one line for each trouble, colours on terminals only, files that stay as they were."""
import functools
import os
import pty
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import HOLTER, check, holter, node, run_cases, under_holter, without_holter, work_folder

SERVER = """
// By the CPU's time, so that a busy machine is not to blame for what this does.
const busy = (milliseconds) => { for (const begin = process.cpuUsage(); process.cpuUsage(begin).user < 1000 * milliseconds;); };
let turns = 0;
require('http').createServer().listen(0, '127.0.0.1', () => setInterval(() => {
    busy(MILLISECONDS);
    if (++turns === 6) process.exit(0);
}, 200));
"""
RECORDINGS = tempfile.TemporaryDirectory(prefix="holter-test-")


@functools.cache
def recording(milliseconds):
    """A recording of a server that holds its loop six times for so long."""
    path = f"{RECORDINGS.name}/busy-{milliseconds}.holter"
    command = under_holter([node(), "-e", SERVER.replace("MILLISECONDS", str(milliseconds))], path)
    subprocess.run(command, check=True, timeout=60, env=without_holter())
    return path


def complains(done, status, *words):
    """Checks that a command ended with a status and one line on standard error that holds the words."""
    check(done.returncode == status, f"{done.args} ended with {done.returncode}, not {status}: {done.stderr}")
    lines = done.stderr.splitlines()
    check(len(lines) == 1 and lines[0].startswith("holter: "), f"{done.args} does not complain in one line: {lines}")
    for word in words:
        check(word in lines[0], f"{lines[0]!r} does not say {word!r}")


def finds():
    """diagnose says what was found, and with --exit-code by its status too"""
    sick, healthy = recording(150), recording(0)
    done = holter("diagnose", sick)
    check(done.returncode == 0 and done.stdout.startswith("CRITICAL  busy ("), f"it says {done.stdout[:80]!r}")
    check(holter("diagnose", "--exit-code", sick).returncode == 1, "--exit-code ends with 0 though something was found")
    done = holter("diagnose", "--exit-code", healthy)
    check(done.returncode == 0 and done.stdout.startswith("Nothing to report"), f"a healthy server: {done.stdout[:80]!r}")


def refuses():
    """a wrong command line ends with 2 and one line"""
    complains(holter("diagnos"), 2, "diagnos")
    complains(holter("diagnose"), 2, "diagnose")
    complains(holter("diagnose", "one", "two"), 2)
    complains(holter("diagnose", "--jsno", "file"), 2, "--jsno", "help diagnose")
    complains(holter("diagnose", "--json=yes", "file"), 2)
    complains(holter("diagnose", "-z", "file"), 2, "-z")
    complains(holter("flame", "file", "-o"), 2, "-o")
    complains(holter("flame", "--of", "tea", "file"), 2, "tea", "stall")
    for size in ("100", "64X", "M", "-1M", "99999999999G"):
        complains(holter("run", "--max-size", size, "--", "true"), 2, size, "256K")
    for time in ("0", "5ms", "-1", "3600001"):
        complains(holter("run", "--threshold", time, "--", "true"), 2, time, "milliseconds")
    complains(holter("help", "diagnos"), 2)
    complains(holter("evil\x1b[2J\u202e"), 2, "\\x1b[2J\\u{202e}")


def explains():
    """every command explains itself"""
    commands = {line.split()[0] for line in holter("--list-options").stdout.splitlines()}
    check({"run", "diagnose", "flame", "dump", "doctor"} <= commands, f"the commands are {commands}")
    for command in commands:
        done = holter("help", command)
        check(done.returncode == 0 and done.stdout.startswith(f"holter {command}: "), f"help {command}: {done.stdout[:60]!r}")
        check(holter(command, "--help").stdout == done.stdout, f"{command} --help says something else")
    check(holter("--version").stdout.startswith("holter "), "--version does not say it")
    check(holter().returncode == 2, "no command at all is no success")


def cannot_read():
    """what is no recording, or not there, is one line"""
    with work_folder() as folder:
        empty, text = folder / "empty", folder / "text"
        empty.touch()
        text.write_text("hello\n" * 100)
        for command in ("diagnose", "flame", "dump"):
            complains(holter(command, folder / "absent"), 5, "absent", "No such file")
            complains(holter(command, empty), 5, "empty")
            complains(holter(command, text), 5, "not a recording")
            complains(holter(command, folder), 5)
        check(sorted(os.listdir(folder)) == ["empty", "text"], f"files appeared: {os.listdir(folder)}")
        if os.geteuid() == 0:
            return "as root every file can be read: status 3 was not tried"
        text.chmod(0)
        complains(holter("diagnose", text), 3, "Permission denied")


def salvages():
    """a recording that was cut is read as far as it goes, and it says so"""
    with work_folder() as folder, open(recording(150), "rb") as whole:
        cut = folder / "cut.holter"
        cut.write_bytes(whole.read()[:-40])
        done = holter("diagnose", cut)
    check(done.returncode == 0 and "busy" in done.stdout, f"it says {done.stdout[:80]!r} {done.stderr}")
    check("ends inside a block" in done.stdout, "it does not say what is missing")


def on_a_terminal(*arguments, **environment):
    """What a command prints on a terminal."""
    leader, follower = pty.openpty()
    with subprocess.Popen([HOLTER, *arguments], stdout=follower, env={**without_holter(), "TERM": "xterm", **environment}):
        os.close(follower)
        printed = b""
        try:
            while part := os.read(leader, 65536):
                printed += part
        except OSError:  # the other end is closed
            pass
    os.close(leader)
    return printed


def colours():
    """colours are for terminals, and NO_COLOR is heeded"""
    environment = {"NO_COLOR": ""}
    check(b"\x1b[" in on_a_terminal("diagnose", recording(150), **environment), "a terminal shows no colour")
    check(b"\x1b" not in on_a_terminal("diagnose", recording(150), NO_COLOR="1"), "NO_COLOR is not heeded")
    check(b"\x1b" not in on_a_terminal("diagnose", "--json", recording(150), **environment), "JSON is coloured")
    check("\x1b" not in holter("diagnose", recording(150)).stdout, "a pipe is coloured")


def draws():
    """flame writes where it is told, and leaves files alone when there is nothing to draw"""
    with work_folder() as folder:
        copy = folder / "shop.holter"
        with open(recording(150), "rb") as whole:
            copy.write_bytes(whole.read())
        check(holter("flame", copy).returncode == 0, "it cannot be drawn")
        drawn = (folder / "shop.svg").read_text()
        check("<title>busy" in drawn, "busy is not in the picture")
        check(holter("flame", copy, "-o", "-").stdout == drawn, "the same recording is another picture on standard output")
        check("<title>Friday</title>" in holter("flame", copy, "--title", "Friday", "-o", "-").stdout, "the title is not taken")
        kept = folder / "kept.svg"
        kept.write_text("mine")
        complains(holter("flame", recording(0), "-o", kept), 5, "nothing to draw")
        check(kept.read_text() == "mine", "a file was overwritten with nothing")
        complains(holter("flame", copy, "-o", folder / "absent" / "x.svg"), 5, "absent")
        alias = folder / "alias.svg"
        alias.symlink_to(copy)
        complains(holter("flame", copy, "-o", alias), 2, "the recording itself")
        check(holter("flame", copy, "-o", "-").stdout == drawn, "the recording was overwritten")


def full():
    """output that cannot be written is no success"""
    for arguments in (("diagnose",), ("diagnose", "--json"), ("dump",), ("flame", "-o", "-")):
        with open("/dev/full", "w", encoding="ascii") as out:
            done = subprocess.run([HOLTER, *arguments, recording(150)], stdout=out, stderr=subprocess.PIPE, text=True,
                                  env=without_holter())
        complains(done, 5)


run_cases(finds, refuses, explains, cannot_read, salvages, colours, draws, full)
