#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""include/holter/holter.h: programs that annotate their loops and pools, with Holter and without."""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import (LIBRARY, TOP, Fail, check, diagnose, holter, program, run_cases, run_program, severe, without_holter,
                     work_folder)

EXAMPLE = os.environ.get("HOLTER_ANNOTATED", "")
WARNINGS = ("-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-pedantic", "-Werror")

# Calls everything that the header has, and says whether the library answered.
USER = """
#include <holter/holter.h>
#include <stdio.h>
int main(void)
{
    struct holter_pool *pool = holter_pool_new("pool", 1);
    uint64_t begin = holter_pool_wait_begin(pool);
    holter_pool_wait_end(pool, begin);
    holter_pool_acquired(pool, &begin);
    holter_pool_released(pool, &begin);
    holter_pool_resize(pool, 2);
    holter_pool_free(pool);
    holter_loop_wait_begin();
    holter_loop_wait_end();
    puts(pool && begin ? "found" : pool || begin ? "half found" : "nothing");
    return 0;
}
"""


def compiled(folder, compiler, *options, source="user.c", target="user"):
    path = folder / source
    if not path.exists():
        path.write_text(USER)
    language = "c++" if compiler.endswith("++") else "c"
    done = subprocess.run([program(compiler), *WARNINGS, "-I", TOP / "include", "-x", language, path, "-x", "none", *options,
                           "-o", folder / target],
                          capture_output=True, text=True)
    if done.returncode:
        raise Fail(f"{compiler} {' '.join(options)}: {done.stderr.strip()[-600:]}")
    return folder / target


def said(command, environment=None):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60,
                          env={**without_holter(), **(environment or {})})
    check(done.returncode == 0, f"ended with {done.returncode}: {done.stderr}")
    return done.stdout.strip()


def recorded(path):
    return {"LD_PRELOAD": LIBRARY, "HOLTER_OUT": str(path)}


def shown(path, kind):
    """The messages of a kind, by holter dump; numbers as numbers."""
    return [{name: int(value) if re.fullmatch(r"-?\d+", value) else value
             for name, value in re.findall(r"(\w+)=(\"[^\"]*\"|\S+)", line)}
            for line in holter("dump", path).stdout.splitlines() if line.startswith(f"  {kind} ")]


def blamed(path):
    """The findings that blame the program."""
    return severe(diagnose(path))


def standards():
    """it compiles alone, as every C and C++ that is asked of it, with every warning"""
    tried = []
    with work_folder() as folder:
        (folder / "alone.c").write_text("#include <holter/holter.h>\ntypedef int nothing_else;\n")
        for compiler in ("gcc", "clang", "g++", "clang++"):
            if not shutil.which(compiler):
                continue
            standards = ("c++98", "c++11", "c++20") if compiler.endswith("++") else ("c99", "gnu99", "c11", "c17")
            for standard in standards:
                # C++ had no long long before 2011, and stdint.h needs one.
                lax = ("-Wno-long-long", "-Wno-c++11-long-long") if standard == "c++98" else ()
                for source in ("alone.c", "user.c"):
                    compiled(folder, compiler, f"-std={standard}", *lax, "-c", source=source, target="x.o")
                tried.append(f"{compiler} {standard}")
            # Machines that Holter does not know.
            (folder / "other.c").write_text("#include <stdint.h>\n#include <stdio.h>\n#undef __x86_64__\n" + USER)
            other = compiled(folder, compiler, source="other.c", target="other")
            check(said([other], recorded(folder / "x.holter")) == "nothing", "found on another machine")
    check(tried, "no compiler here")
    return ", ".join(tried)


KINDS = [(), ("-O2",), ("-fno-pie", "-no-pie"), ("-O2", "-fno-pie", "-no-pie"), ("-O2", "-fPIC", "-no-pie"), ("-fpie", "-pie"),
         ("-O2", "-fpie", "-pie", "-Wl,-z,now"), ("-O2", "-fno-plt"), ("-O2", "-flto"), ("-O2", "-masm=intel"),
         ("-O2", "-fvisibility=hidden"), ("-O2", "-fno-pie", "-no-pie", "-fuse-ld=gold"), ("-O2", "-flto", "-fno-pie", "-no-pie")]


def executables():
    """the library is found by every kind of executable; without it they link, run, and do nothing"""
    with work_folder() as folder:
        for compiler in ("gcc", "clang", "g++"):
            if not shutil.which(compiler):
                continue
            for kind in KINDS:
                if "-fuse-ld=gold" in kind and not shutil.which("ld.gold"):
                    continue
                user = compiled(folder, compiler, *kind)
                answers = (said([user]), said([user], recorded(folder / "x.holter")))
                check(answers == ("nothing", "found"), f"{compiler} {' '.join(kind)}: {answers}")
        static = compiled(folder, "gcc", "-static")
        check(said([static], recorded(folder / "x.holter")) == "nothing", "a static program found something")
    return f"{len(KINDS)} kinds"


def shared_objects():
    """a shared object, loaded at the start or later, finds it too"""
    with work_folder() as folder:
        (folder / "main.c").write_text("""
            #include <dlfcn.h>
            int main(int argc, char **argv)
            {
                void *object = dlopen(argv[argc - 1], RTLD_NOW);
                int (*start)(void);
                *(void **)&start = dlsym(object, "start");
                return start();
            }""")
        (folder / "plugin.c").write_text(USER.replace("int main(void)", "int start(void);\nint start(void)"))
        plugin = compiled(folder, "gcc", "-O2", "-fPIC", "-shared", source="plugin.c", target="plugin.so")
        (folder / "linked.c").write_text("int start(void); int main(void) { return start(); }")
        later = compiled(folder, "gcc", "-Wno-pedantic", source="main.c", target="main")
        linked = compiled(folder, "gcc", str(plugin), source="linked.c", target="linked")
        for command in ([later, plugin], [linked]):
            answers = (said(command), said(command, recorded(folder / "x.holter")))
            check(answers == ("nothing", "found"), f"{command}: {answers}")


def undefined():
    """the reference is a weak one, to the names with a version and no others"""
    lines = subprocess.run([program("nm"), "-D", EXAMPLE], check=True, capture_output=True, text=True).stdout.splitlines()
    found = [line.split() for line in lines if "holter" in line]
    check(found and all(kind == "w" and name.endswith("_v1") for kind, name in found), f"it asks for {found}")


def example_without():
    """the example says the same with Holter and without"""
    with work_folder() as folder:
        for arguments in (["40"], ["16", "slow"]):
            plain, with_holter = said([EXAMPLE, *arguments]), said([EXAMPLE, *arguments], recorded(folder / "x.holter"))
            check(plain == with_holter == f"{arguments[0]} jobs done", f"{plain!r} and {with_holter!r}")


def example_slow():
    """a stall of an annotated loop: its function is named, with file and line; the pool's counts are true"""
    with work_folder() as folder:
        path = folder / "slow.holter"
        said([EXAMPLE, "200", "slow"], recorded(path))
        found = blamed(path)
        loops, stalls, pools, states = (shown(path, kind) for kind in ("loop", "stall", "pool", "pool_state"))
    check(len(found) == 1 and found[0]["cause"] == "on-cpu", f"found {found}")
    culprit, source = found[0]["culprit"], (TOP / "demo" / "annotated.c").read_text().splitlines()
    begin = next(number for number, line in enumerate(source, 1) if "double render_report(" in line)
    end = next(number for number in range(begin, len(source)) if source[number - 1] == "}")
    check(culprit["function"] == "render_report" and culprit["file"].endswith("demo/annotated.c")
          and begin < culprit["line"] < end, f"blames {culprit}")
    check(len([stall for stall in stalls if stall["ended"] == "true" and stall["duration_ns"] >= 119e6]) == 10,
          f"10 stalls were {stalls}")
    check({loop["wait"] for loop in loops} == {"WAIT_ANNOTATED"} and len({loop["tid"] for loop in loops}) == 3,
          f"loops: {loops}")
    check({pool["id"] for pool in pools} == {1}, f"pools: {pools}")
    last = states[-1]
    check((last["size"], last["held"], last["waiting"], last["acquisitions"]) == (2, 0, 0, 200), f"the pool: {last}")
    return found[0]["summary"]


def example_healthy():
    """its healthy twin: nothing is reported"""
    with work_folder() as folder:
        path = folder / "healthy.holter"
        said([EXAMPLE, "160"], recorded(path))
        check(not blamed(path), f"reported: {blamed(path)}")
        # A worker that first waits while Holter starts is a loop from its second wait on.
        turns = sum(turns["count"] for turns in shown(path, "turns"))
        check(158 <= turns <= 160, f"{turns} turns of 160 jobs")


def run(case, folder):
    path = folder / f"{case}.holter"
    done = run_program("annotations", case, environment=recorded(path))
    check(done.returncode == 0, f"{case} ended with {done.returncode}: {done.stderr}")
    return path, done.stdout


def pool_counts():
    """every figure of a pool, after mistakes too"""
    with work_folder() as folder:
        path, printed = run("counts", folder)
        states, whole_ns = shown(path, "pool_state"), int(printed)
        check([pool["begin_ns"] > 0 for pool in shown(path, "pool")], "the pool is not declared")
    last = states[-1]
    check((last["size"], last["held"], last["waiting"]) == (7, 2, 1), f"now: {last}")
    check((last["acquisitions"], last["waits"]) == (1007, 2), f"in all: {last}")
    # Two requests waited and four connections were held for a quarter of a second, or for longer on a busy machine.
    check(any(250e6 <= state["longest_wait_ns"] <= whole_ns for state in states), f"longest wait: {states}")
    check(500e6 <= last["wait_ns"] <= 2 * whole_ns, f"waited in {whole_ns} ns: {last}")
    check(1e9 <= last["hold_ns"] <= 5 * whole_ns, f"held in {whole_ns} ns: {last}")
    check(max(state["held_most"] for state in states) == 6, f"most: {states}")
    check(max(state["waiting_most"] for state in states) == 2, f"most: {states}")
    check(last["oldest_hold_ns"] >= 1.2e9, f"oldest: {last}")


def pool_room():
    """more pools and holds than there is room for: counted, said, and the room is used again"""
    with work_folder() as folder:
        path, printed = run("many", folder)
        losses = {loss["kind"]: loss["count"] for loss in shown(path, "loss")}
        ids = {pool["id"] for pool in shown(path, "pool")}
        most = max(state["held_most"] for state in shown(path, "pool_state"))
        text = holter("diagnose", path).stdout
    check(losses == {"LOSS_POOL": 8 + 100, "LOSS_HOLD": 300 - 256}, f"lost: {losses}")
    check(most == 300, f"{most} connections were held at most")
    check(printed == "found room\n", f"it {printed}")
    check(len(ids) == 33, f"pools: {ids}")
    check("108 annotated pools" in text and "44 connections" in text, text)


def pool_fork():
    """after a fork parent and child count for themselves"""
    with work_folder() as folder:
        done = run_program("annotations", "fork", environment={"LD_PRELOAD": LIBRARY, "HOLTER_DIR": str(folder)})
        check(done.returncode == 0, done.stderr)
        lasts = sorted((states[-1]["held"], states[-1]["waiting"], states[-1]["acquisitions"], states[-1]["waits"])
                       for states in (shown(path, "pool_state") for path in folder.glob("*.holter")))
    check(lasts == [(2, 0, 2, 0), (6, 0, 6, 1)], f"held, waiting, acquisitions, waits: {lasts}")


def pool_threads():
    """a server of threads has a recording for its pool; what does not serve has none"""
    with work_folder() as folder:
        path, _ = run("threads", folder)
        last = shown(path, "pool_state")[-1]
        check((last["held"], last["acquisitions"]) == (0, 200), f"the pool: {last}")
        check(not diagnose(path)["findings"], "something is found")
        check(not run("silent", folder)[0].exists(), "a program without loop or socket left a recording")


def loop_polls():
    """polls belong to the annotated wait, or block inside the turn"""
    with work_folder() as folder:
        path, _ = run("polls", folder)
        loops, turns = shown(path, "loop"), sum(turns["count"] for turns in shown(path, "turns"))
        found = blamed(path)
    check({(loop["id"], loop["wait"], loop["descriptor"]) for loop in loops} == {(1, "WAIT_ANNOTATED", -1)}, f"loops: {loops}")
    check(turns == 40, f"{turns} turns of 40")
    check(len(found) == 1 and found[0]["cause"] == "blocked" and found[0]["stall"]["count"] == 4, f"found {found}")
    check(found[0]["culprit"]["function"] == "polls", f"blames {found[0]['culprit']}")


def loop_taken():
    """an annotation outranks what the thread's waits looked like, and the recording says so"""
    with work_folder() as folder:
        path, _ = run("taken", folder)
        loops = shown(path, "loop")
        check([loop["id"] for loop in loops] == [1] * len(loops) and loops[0]["wait"] == "WAIT_EPOLL"
              and loops[-1]["wait"] == "WAIT_ANNOTATED", f"loops: {loops}")


def loop_crowd():
    """more loops than there is room for: each that has none is counted once"""
    with work_folder() as folder:
        path, _ = run("crowd", folder)
        loops, losses = {loop["id"] for loop in shown(path, "loop")}, shown(path, "loss")
    check(len(loops) == 64, f"{len(loops)} loops")
    check({(loss["kind"], loss["count"]) for loss in losses} == {("LOSS_LOOP", 71 - 64)}, f"lost: {losses}")


def filtered():
    """after the program has forbidden itself system calls, annotations make none"""
    with work_folder() as folder:
        path, printed = run("filtered", folder)
        check(printed == "nothing was called\n", printed)
        check("restricts its system calls" in holter("diagnose", path).stdout, "it is not said")


def loop_left():
    """a thread that has left its loop does not stall, whatever it does"""
    with work_folder() as folder:
        path, _ = run("left", folder)
        stalls = [stall for stall in shown(path, "stall") if stall["duration_ns"] > 1e9]  # others are the machine's
        check(not stalls, f"stalls: {stalls}")
        check(sum(turns["count"] for turns in shown(path, "turns")) == 20, "turns were lost")


def mistakes():
    """an end without a beginning is ignored, twice the same counts once, and errno is kept"""
    with work_folder() as folder:
        path, printed = run("mistakes", folder)
        stalls = [stall for stall in shown(path, "stall") if stall["ended"] == "true"]
    check(printed == "errno is kept\n", printed)
    check(len(stalls) == 1 and stalls[0]["duration_ns"] >= 80e6, f"stalls: {stalls}")
    check(stalls[0]["startup"] == "false", "an annotated loop has no start-up")


run_cases(standards, executables, shared_objects, undefined, example_without, example_slow, example_healthy, pool_counts,
          pool_room, pool_fork, pool_threads, loop_polls, loop_taken, loop_crowd, filtered, loop_left, mistakes)
