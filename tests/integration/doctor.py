#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`holter doctor`: each check that can be provoked is, beside a twin where the same check finds nothing."""
import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import HOLTER, LIBRARY, PROGRAMS, Skip, check, holter, program, run_cases, without_holter, work_folder

PATIENT, GO_PATIENT = PROGRAMS / "patient", PROGRAMS / "go_patient"
NOBODY = 65534
ASLEEP = ("7", "23", "34", "35", "230", "232", "281", "441")  # poll, select, pause, sleeps and the epoll waits


def needs_root():
    if os.geteuid() != 0:
        raise Skip("needs root")


def parsed(done, allowed=(0,)):
    """All checks by name, with the verdicts as "verdicts" and the limits that were met as "limits"."""
    check(done.returncode in allowed, f"{done.args} ended with {done.returncode}: {done.stderr}")
    answer = json.loads(done.stdout)
    checks = {one["name"]: one for one in answer["machine"] + answer.get("process", [])}
    check(len(checks) == len(answer["machine"] + answer.get("process", [])), "two checks have one name")
    return {**checks, "verdicts": answer["verdicts"], "limits": {limit["name"] for limit in answer["limits"]}}


def doctor(*arguments, environment=None, allowed=(0,)):
    return parsed(holter("doctor", "--json", *arguments, environment=environment), allowed)


def doctor_under(*command, allowed=(0,)):
    """What doctor says when another program starts it."""
    done = subprocess.run([*map(str, command), HOLTER, "doctor", "--json"], capture_output=True, text=True,
                          env=without_holter(), timeout=60)
    if "verdicts" not in done.stdout:
        raise Skip(f"{command[0]} cannot: {done.stderr.strip()[-200:]}")
    return parsed(done, allowed)


def asleep(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/syscall").read_text().split()[0] in ASLEEP
    return False


@contextlib.contextmanager
def patient(*command, environment=None, **options):
    """A process that has said "up" and sleeps; its pid."""
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env={**without_holter(), **(environment or {})}, **options)
    try:
        if process.stdout.readline() != "up\n":
            process.wait(20)
            raise Skip(f"{command} cannot be had here: {process.stderr.read().strip()}")
        deadline = time.monotonic() + 20
        while not asleep(process.pid):
            check(time.monotonic() < deadline, f"{command} does not settle down")
            time.sleep(0.01)
        yield process.pid
    finally:
        process.kill()
        process.communicate()


def says(checks, name, status, limit=None, *words):
    """Checks one answer: its status, the limit that it names (which is then listed too), words in what it says."""
    answer = checks[name]
    check(answer["status"] == status and answer["limit"] == limit, f"{name}: not {status} for {limit}: {answer}")
    check(limit is None or limit in checks["limits"], f"{limit} is not among those met: {checks['limits']}")
    check(limit is None or answer["advice"], f"{name}: no advice: {answer}")
    for word in words:
        check(word in answer["what"], f"{name}: does not say {word!r}: {answer}")


def tells(name, shape, status, limit, *words):
    """A case: a check finds the peculiarity of one patient, and nothing in the plain one."""
    def case():
        with patient(PATIENT, "plain") as pid:
            says(doctor("-p", pid), name, "ok")
        with patient(PATIENT, shape) as pid:
            checks = doctor("-p", pid)
            says(checks, name, status, limit, *words)
            return checks[name]["what"]

    case.__doc__ = f"{name}: {shape}"
    return case


def recorded():
    """preloaded: recorded, inert, and without the library; signals: Holter's own is blocked in a loop"""
    with work_folder() as folder:
        under = [HOLTER, "run", "--dir", folder, "--", PATIENT]
        with patient(*under, "blocks") as pid:
            deadline = time.monotonic() + 20
            while not (found := list(folder.glob("[!.]*.holter"))):  # Holter's own thread opens it
                check(time.monotonic() < deadline, "there is no recording")
                time.sleep(0.01)
            checks = doctor("-p", pid)
            says(checks, "preloaded", "ok", None, f"records to {found[0]}")
            says(checks, "signals", "limited", "signal-blocked", "SIGURG")
        with patient(*under, "plain") as pid:
            checks = doctor("-p", pid)
            says(checks, "preloaded", "ok", None, "records nothing")
            says(checks, "signals", "ok")
    with patient(PATIENT, "plain") as pid:
        checks = doctor("-p", pid)
        says(checks, "preloaded", "no", "not-preloaded")
        check(checks["verdicts"]["preload"] == "no", checks["verdicts"])


def loops():
    """event loop: a program without one"""
    with patient(PATIENT, "plain") as pid:
        says(doctor("-p", pid), "event loop", "ok", None, "1 thread waits for events (patient by epoll)")
    with patient(PATIENT, "no-loop") as pid:
        says(doctor("-p", pid), "event loop", "limited", "no-loop")


def dropped():
    """privilege: a process that gave up root, and what may then not be read"""
    needs_root()
    tells("privilege", "drops", "limited", "dropped-root", "was root")()
    with patient(PATIENT, "drops") as pid:
        done = subprocess.run(["setpriv", f"--reuid={NOBODY}", "--clear-groups", HOLTER, "doctor", "--json", "-p", str(pid)],
                              capture_output=True, text=True, env=without_holter())
        says(parsed(done, (3,)), "its memory", "limited", "no-access", "not dumpable")


def gained():
    """privilege: a setuid program"""
    needs_root()
    with work_folder() as folder:
        copy = shutil.copy(PATIENT, folder / "patient")
        with patient(copy, "plain", user=NOBODY) as pid:
            says(doctor("-p", pid), "privilege", "ok")
        os.chmod(copy, 0o4755)
        if os.statvfs(folder).f_flag & os.ST_NOSUID:
            raise Skip("the temporary folder is mounted nosuid")
        with patient(copy, "plain", user=NOBODY) as pid:
            says(doctor("-p", pid), "privilege", "no", "gains-privilege")


def others():
    """a process of another user: what is denied, by status 3 and advice"""
    needs_root()
    with patient(PATIENT, "plain") as pid:
        done = subprocess.run(["setpriv", f"--reuid={NOBODY}", "--clear-groups", HOLTER, "doctor", "--json", "-p", str(pid)],
                              capture_output=True, text=True, env=without_holter())
        checks = parsed(done, (3,))
        for name in ("its memory", "preloaded", "runtime", "io_uring", "event loop", "program"):
            check(checks[name]["status"] == "limited" and "CAP_SYS_PTRACE" in checks[name]["advice"], checks[name])
        says(checks, "its system calls", "no", "no-access")
        checks = doctor("-p", pid)
        says(checks, "its memory", "ok")
        says(checks, "its system calls", "ok")


def built(folder, compiler, *options):
    source = folder / "wait.c"
    source.write_text('#include <stdio.h>\n#include <unistd.h>\n'
                      'int main(void) { puts("up"); fflush(stdout); return pause(); }\n')
    done = subprocess.run([program(compiler), *options, source, "-o", folder / "wait"], capture_output=True, text=True)
    if done.returncode:
        raise Skip(f"{compiler} {' '.join(options)}: {done.stderr.strip()[-200:]}")
    return folder / "wait"


def kinds():
    """program: static, musl, made by Go"""
    said = []
    with work_folder() as folder:
        for compiler, options, limit in (("gcc", ["-static"], "static-program"), ("musl-gcc", [], "musl"), ("gcc", [], None)):
            with patient(built(folder, compiler, *options)) as pid:
                checks = doctor("-p", pid)
                says(checks, "program", "no" if limit else "ok", limit)
                says(checks, "go", "ok")
                said.append(checks["program"]["what"])
    with patient(GO_PATIENT, "plain") as pid:
        says(doctor("-p", pid), "go", "no", "go")
    return said[1]


def stripped():
    """symbols: a stripped program"""
    with work_folder() as folder:
        subprocess.run([program("strip"), "-o", folder / "bare", PATIENT], check=True)
        with patient(folder / "bare", "plain") as pid:
            says(doctor("-p", pid), "symbols", "limited", "stripped")
        with patient(PATIENT, "plain") as pid:
            says(doctor("-p", pid), "symbols", "ok")


def replaced():
    """files: a program and a library that were removed; a hostile name is quoted"""
    with work_folder() as folder:
        module = folder / "evil\x1b[2J.so"
        done = subprocess.run([program("gcc"), "-shared", "-fPIC", "-x", "c", os.devnull, "-o", module], capture_output=True)
        check(done.returncode == 0, done.stderr)
        copy = shutil.copy(PATIENT, folder / "patient")
        with patient(copy, "plain", environment={"LD_PRELOAD": str(module)}) as pid:
            says(doctor("-p", pid), "files", "ok")
            module.unlink()
            says(doctor("-p", pid), "files", "limited", "replaced-files", "evil")
            text = holter("doctor", "-p", pid).stdout
            check("\x1b" not in text and "evil\\x1b[2J" in text, "a terminal escape got through")
            os.unlink(copy)
            checks = doctor("-p", pid)
            says(checks, "files", "limited", "replaced-files", str(copy))
            says(checks, "program", "ok")  # its file can be read even so
            says(checks, "symbols", "ok")


def generated():
    """generated code: with and without a perf map, and one that others may write"""
    tells("generated code", "generated", "limited", "foreign-jit")()
    with patient(PATIENT, "generated") as pid:
        names = pathlib.Path(f"/tmp/perf-{pid}.map")
        try:
            names.write_text("1000 10 made\n")
            names.chmod(0o600)
            says(doctor("-p", pid), "generated code", "ok", None, str(names))
            names.chmod(0o666)
            says(doctor("-p", pid), "generated code", "limited", "foreign-jit", "not believed")
        finally:
            names.unlink(missing_ok=True)


def other_tools():
    """other tools: a profiler's library in the process"""
    with work_folder() as folder:
        module = folder / "libprofiler.so.0"
        subprocess.run([program("gcc"), "-shared", "-fPIC", "-x", "c", os.devnull, "-o", module], check=True)
        with patient(PATIENT, "plain", environment={"LD_PRELOAD": str(module)}) as pid:
            says(doctor("-p", pid), "other tools", "limited", "other-tools", "libprofiler.so.0")
    with patient(PATIENT, "plain") as pid:
        says(doctor("-p", pid), "other tools", "ok")


def namespaces():
    """container: namespaces of its own"""
    needs_root()
    with patient(PATIENT, "plain") as pid:
        says(doctor("-p", pid), "container", "ok")
    with patient(program("unshare"), "--net", PATIENT, "plain") as pid:
        says(doctor("-p", pid), "container", "ok", None, "network")
    with patient(program("unshare"), "--mount", PATIENT, "plain") as pid:
        says(doctor("-p", pid), "container", "limited", "other-files", "mount")


def claimed():
    """attached: another tool is at work on it"""
    with patient(PATIENT, "plain") as pid, socket.socket(socket.AF_UNIX) as claim:
        says(doctor("-p", pid), "attached", "ok")
        start = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
        claim.bind(f"\0holter.attach.{pid}.{start}.{os.getpid()}")
        says(doctor("-p", pid), "attached", "limited", None, f"({os.getpid()})")


def quota():
    """cpu quota: half a CPU"""
    needs_root()
    version1, version2 = pathlib.Path("/sys/fs/cgroup/cpu"), pathlib.Path("/sys/fs/cgroup")
    if (version1 / "cpu.shares").exists():
        parent, settings = version1, {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "50000"}
    elif "cpu" in (version2 / "cgroup.subtree_control").read_text().split():
        parent, settings = version2, {"cpu.max": "50000 100000"}
    else:
        raise Skip("the cpu controller is not here, or not ours to use")
    group = parent / f"holter-test-{os.getpid()}"
    try:
        group.mkdir()
        for name, text in settings.items():
            (group / name).write_text(text)
    except OSError as reason:
        raise Skip(f"no control group can be made: {reason}") from None
    try:
        with patient(PATIENT, "plain") as pid:
            says(doctor("-p", pid), "cpu quota", "ok")
            check("CPUs" not in doctor("-p", pid)["cpu quota"]["what"], "a quota where there is none")
            (group / "cgroup.procs").write_text(str(pid))
            says(doctor("-p", pid), "cpu quota", "ok", None, "0.50 CPUs", str(group))
    finally:
        deadline = time.monotonic() + 5
        while group.exists() and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                group.rmdir()


def node():
    """runtime: Node and its version"""
    found = program("node")
    with patient(found, "-e", "setTimeout(() => console.log('up'), 100); setInterval(() => {}, 1e6)") as pid:
        runtime = doctor("-p", pid)["runtime"]
    version = subprocess.run([found, "--version"], capture_output=True, text=True).stdout.strip().lstrip("v")
    check(version in runtime["what"] or runtime["status"] == "limited", runtime)
    return runtime["what"]


def machine():
    """the machine: the library is tried, and folders that cannot be written are named"""
    checks = doctor()
    says(checks, "preload library", "ok", None, LIBRARY)
    says(checks, "safe memory reads", "ok")
    says(checks, "kept out", "ok")
    with work_folder() as folder:
        (folder / "disable").touch()
        says(doctor(environment={"HOLTER_DIR": str(folder)}), "kept out", "no", "kept-out", str(folder))
    check(doctor(environment={"HOLTER_DIR": "/proc/holter"})["recordings folder"]["status"] == "no", "/proc can be written")
    check("no       recordings folder" in holter("doctor", environment={"HOLTER_DIR": "/proc/holter"}).stdout, "not in text")


def attach_command():
    """attaching is promised only where this version has the command"""
    commands = {line.split()[0] for line in holter("--list-options").stdout.splitlines()}
    expected = "ok" if "attach" in commands else "no"
    check(doctor()["attach"]["status"] == expected, f"attach is not {expected}")


def capabilities():
    """capabilities, one by one: what is lost without each"""
    needs_root()
    setpriv = program("setpriv")
    whole = doctor()
    held = (whole[name] for name in ("CAP_BPF", "CAP_PERFMON", "CAP_SYS_PTRACE", "CAP_SYS_ADMIN"))
    if any(capability["what"] != "held" for capability in held):
        raise Skip("not all capabilities are held here")
    restricted = any(whole[name]["status"] != "ok" for name in ("seccomp here", "lockdown", "user namespace"))
    if restricted:
        raise Skip("more than capabilities is restricted here")
    for name in ("bpf(2)", "perf events"):
        says(whole, name, "ok")
    for lost, denied in (("bpf", {"CAP_BPF": "no-bpf", "bpf(2)": "no-bpf"}),
                         ("perfmon", {"CAP_PERFMON": "no-bpf", "bpf(2)": "no-bpf", "perf events": "no-perf-events"})):
        checks = doctor_under(setpriv, f"--bounding-set=-{lost},-sys_admin")
        for name, limit in denied.items():
            if name == "perf events" and "paranoid is -1" in checks[name]["what"]:
                continue  # then everybody may
            says(checks, name, "limited" if name == "perf events" else "no", limit)
            check("--method=poll" in checks[name]["advice"] or name == "perf events", checks[name])
        check(checks["verdicts"]["attach"] == "no", checks["verdicts"])
        says(checks, "CAP_SYS_ADMIN", "ok", None, "not needed")
        # CAP_SYS_ADMIN alone stands for both.
        checks = doctor_under(setpriv, f"--bounding-set=-{lost}")
        says(checks, f"CAP_{lost.upper()}", "ok", None, "stands for it")
        says(checks, "bpf(2)", "ok")
    says(doctor_under(setpriv, "--bounding-set=-sys_ptrace"), "CAP_SYS_PTRACE", "limited", "no-access")
    says(whole, "CAP_SYS_PTRACE", "ok")


def unprivileged():
    """an ordinary user may record, and cannot load probes"""
    needs_root()
    checks = doctor_under(program("setpriv"), f"--reuid={NOBODY}", "--clear-groups", "--bounding-set=-all")
    check(checks["verdicts"]["preload"] != "no", checks["verdicts"])
    says(checks, "bpf(2)", "no", "no-bpf", "refused")
    check(checks["verdicts"]["attach"] == "no", checks["verdicts"])


def killed():
    """bpf(2): a filter that kills who tries"""
    says(doctor_under(PATIENT, "kills"), "bpf(2)", "no", "no-bpf", "kills")
    check("in force" in doctor_under(PATIENT, "kills")["seccomp here"]["what"], "the filter is not mentioned")


def user_namespace():
    """user namespace: capabilities that do not count"""
    says(doctor_under(program("unshare"), "--user", "--map-root-user"), "user namespace", "no", "user-namespace")
    with open("/proc/self/ns/user", "rb") as namespace:
        if os.fstat(namespace.fileno()).st_ino == 0xEFFFFFFD:
            says(doctor(), "user namespace", "ok")


def in_mounts(script):
    """What doctor says in a mount namespace of its own, after a shell script."""
    return doctor_under(program("unshare"), "--mount", "/bin/sh", "-ec", script + '; exec "$@"', "doctor")


def kernel_files():
    """kernel types, tracepoints, lockdown: there and not"""
    needs_root()
    checks = in_mounts("mount -t tracefs tracefs /sys/kernel/tracing")
    says(checks, "tracepoints", "ok", None, "/sys/kernel/tracing")
    hide = "mount -t tmpfs tmpfs /sys/kernel/tracing; mount -t tmpfs tmpfs /sys/kernel/debug"
    says(in_mounts(hide), "tracepoints", "ok", None, "not mounted; it can be")
    checks = in_mounts(hide + '; set -- setpriv --bounding-set=-sys_admin "$@"')
    says(checks, "tracepoints", "no", "no-tracefs", "not mounted")
    check("mount -t tracefs" in checks["tracepoints"]["advice"], checks["tracepoints"])
    if os.path.exists("/sys/kernel/btf/vmlinux"):
        says(doctor(), "kernel types (BTF)", "ok")
        says(in_mounts("mount -t tmpfs tmpfs /sys/kernel/btf"), "kernel types (BTF)", "no", "no-btf")
    for modes, status, limit in (("none integrity [confidentiality]", "no", "lockdown"),
                                 ("none [integrity] confidentiality", "ok", None)):
        checks = in_mounts(f"mount -t tmpfs tmpfs /sys/kernel/security; echo '{modes}' >/sys/kernel/security/lockdown")
        says(checks, "lockdown", status, limit)


def old_kernel():
    """kernel: one that is too old"""
    says(doctor_under(program("setarch"), "x86_64", "--uname-2.6"), "kernel", "no", "old-kernel", "2.6")
    if tuple(int(part) for part in os.uname().release.split(".")[:2]) >= (5, 15):
        says(doctor(), "kernel", "ok")


def hidden():
    """/proc: mounted with hidepid"""
    needs_root()
    mount = "mount -t proc -o hidepid=2 proc /proc"
    says(in_mounts(mount), "/proc", "ok", None, "goes before")
    says(in_mounts(mount + '; set -- setpriv --bounding-set=-sys_ptrace "$@"'), "/proc", "limited", "hidden-processes")
    if "hidepid" not in pathlib.Path("/proc/self/mountinfo").read_text():
        says(doctor(), "/proc", "ok", None, "shows all")


def command_line():
    """statuses and options: usage, a process that is gone, the list of limits"""
    for arguments in (("-p", "0"), ("-p", "x"), ("extra",), ("--markdown",), ("--limits", "-p", "1"),
                      ("--limits", "--json", "--markdown")):
        done = holter("doctor", *arguments)
        check(done.returncode == 2 and len(done.stderr.splitlines()) == 1, f"{arguments}: {done.returncode}: {done.stderr}")
    with subprocess.Popen(["true"]) as process:
        process.wait()
    gone = holter("doctor", "-p", process.pid)
    check(gone.returncode == 4 and len(gone.stderr.splitlines()) == 1, f"{gone.returncode}: {gone.stderr}")
    listed = json.loads(holter("doctor", "--limits", "--json").stdout)["limits"]
    text = holter("doctor", "--limits").stdout
    for limit in listed:
        check(f"  {limit['name']} (" in text, f"--limits does not list {limit['name']}")
    check(doctor()["limits"] == {limit["name"] for limit in listed}, "without -p not all limits are listed")


run_cases(recorded, loops, tells("io_uring", "ring", "limited", "io-uring", "1 ring"),
          tells("signals", "signals", "limited", "signals-taken"), tells("tracer", "traced", "limited", "debugger", "patient"),
          tells("seccomp", "filter", "limited", "seccomp-filter"), dropped, gained, others, kinds, stripped, replaced,
          generated, other_tools, namespaces, claimed, quota, node, machine, attach_command, capabilities, unprivileged,
          killed, user_namespace, kernel_files, old_kernel, hidden, command_line)
