#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 26: a library that needs a newer C library than its target has stops that from starting."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import debian
from harness import LIBRARY, PROGRAMS, Recording, check, run_cases, without_holter, work_folder

# Debian 10, whose glibc 2.28 is the oldest that is promised, has left the ordinary mirrors; tests/symbols checks the
# versions that the library asks for. Debian 11 (glibc 2.31) can still be had and is started for real.
SUITE = "bullseye"

# A loop in the one language that a minimal Debian always has: select, and stalls between the selects.
PROGRAM = """
use POSIX (); use Socket;
sub ticks { (POSIX::times())[0] } # of 10 ms
socket(my $listener, PF_INET, SOCK_STREAM, 0); listen($listener, 5);
for my $turn (1 .. 400) {
    vec(my $readable = "", fileno($listener), 1) = 1;
    select($readable, undef, undef, 0.005);
    if ($turn > 390) { my $end = ticks() + 8; my $x = 0; $x++ while ticks() < $end; }
}
print "done\\n";
"""


def started(*beside):
    """Runs the program on Debian 11's own loader and libraries, with the library and others preloaded beside it."""
    with work_folder() as folder:
        path = folder / "perl.holter"
        done = subprocess.run([*debian.command(SUITE, LIBRARY, *beside), debian.root(SUITE) / "usr/bin/perl", "-e", PROGRAM],
                              capture_output=True, text=True, timeout=60,
                              env={**without_holter(), "PERL5LIB": str(debian.libraries(SUITE) / "perl-base"), "LC_ALL": "C",
                                   "HOLTER_OUT": str(path), "HOLTER_THRESHOLD_MS": "20"})
        check(done.returncode == 0 and done.stdout == "done\n" and not done.stderr,
              f"status {done.returncode}: {done.stdout}{done.stderr}")
        recording = Recording(path)
        check(len(recording.stalls) >= 9, f"{len(recording.stalls)} of 10 stalls")
        check(recording.samples, "no samples")
        return f"{len(recording.stalls)} stalls, {len(recording.samples)} samples, by {recording.unwinder}"


def debian_11():
    """a program of Debian 11, on its own loader and libraries, starts with the library, ends, and is recorded"""
    return started()


def allocator():
    """the same with an allocator that makes system calls while it starts, where a function is missing (hazard 19)"""
    return started(PROGRAMS / "19_allocator.so")


run_cases(debian_11, allocator)
