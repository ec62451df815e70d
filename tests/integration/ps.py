#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`holter ps` on real servers: what runs, what it listens on, where, and whether it is recorded."""
import contextlib
import hashlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import (HOLTER, Server, Skip, check, free_port, holter, node, preloaded, program, run_cases, without_holter,
                     work_folder)

NOBODY = 65534
SECRET = "hunter2"
NODE_SERVER = """
require('http').createServer((request, response) => {
    if (request.url === '/hang') for (;;);
    response.end('hello');
}).listen(Number(process.env.PORT), process.env.HOST || '127.0.0.1');
"""
ASYNCIO_SERVER = """
import asyncio, os
async def main():
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", int(os.environ["PORT"]))
    await server.serve_forever()
asyncio.run(main())
"""
# Listens on PORT, beside others, under a name of its own.
NAMED_SERVER = """
import os, selectors, socket
with open("/proc/self/comm", "wb") as comm:
    comm.write(os.environb[b"NAME"])
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
listener.bind(("127.0.0.1", int(os.environ["PORT"])))
listener.listen()
selector = selectors.EpollSelector()
selector.register(listener, selectors.EVENT_READ)
while True:
    selector.select()
    listener.accept()[0].close()
"""


def ps(*options, command=(HOLTER,)):
    done = subprocess.run([*command, "ps", "--json", *options], capture_output=True, text=True, env=without_holter(),
                          timeout=60)
    check(done.returncode == 0, f"holter ps ended with {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def find(answer, pid):
    found = [process for process in answer["processes"] if process["pid"] == pid]
    check(len(found) <= 1, f"process {pid} is listed {len(found)} times")
    return found[0] if found else None


def row(pid, *options, **more):
    """One process of the list; it has just answered, so it may need a moment to wait again."""
    deadline = time.monotonic() + 10
    while True:
        process = find(ps(*options, **more), pid)
        if process and process["loops"] and all(loop["waits_by"] for loop in process["loops"]):
            return process
        check(time.monotonic() < deadline, f"process {pid} does not wait: {process}")
        time.sleep(0.02)


def ports(process):
    return {listener["port"] for listener in process["listening"]}


@contextlib.contextmanager
def node_server(folder, *arguments, wrapper=(), host="127.0.0.1", environment=None):
    port = free_port()
    (folder / "shop.js").write_text(NODE_SERVER)
    with Server([*wrapper, node(), *arguments, folder / "shop.js", f"--password={SECRET}"], folder,
                {"PORT": str(port), "HOST": host, **(environment or {})}, port) as server:
        yield server


def node_is_listed():
    """Node: version, port, script and loops; no argument of it"""
    with work_folder() as folder, node_server(folder, "--max-old-space-size=300") as server:
        process, pid = row(server.process.pid), server.process.pid
        text = holter("ps").stdout
    check(process["runtime"].startswith("node ") and process["runtime_by"] == "memory", f"the runtime is {process}")
    check(process["script"] == "shop.js" and process["program"] == os.path.realpath(node()), f"it is called {process}")
    check(ports(process) == {server.port}, f"it listens on {process['listening']}")
    check(process["loops"][0]["tid"] == pid and process["loops"][0]["waits_by"] == "epoll", f"its loops: {process['loops']}")
    check(process["container"] is None and process["recording"] is None, f"where is it? {process}")
    line = next(line for line in text.splitlines() if line.split()[0] == str(pid))
    check(line.endswith("shop.js") and str(server.port) in line.split(), f"its line is {line!r}")
    check(SECRET not in text and SECRET not in json.dumps(process), "an argument is shown")
    return line


def code_is_not_shown():
    """code on a command line is not shown"""
    port = free_port()
    command = [node(), "-e", NODE_SERVER + f"// {SECRET}"]
    with work_folder() as folder, Server(command, folder, {"PORT": str(port)}, port) as server:
        process = row(server.process.pid)
    check(process["script"] is None and SECRET not in json.dumps(process), f"code is shown: {process}")


def hanging():
    """a loop that hangs is busy"""
    with work_folder() as folder, node_server(folder) as server:
        check(row(server.process.pid)["loops"][0]["waits_by"] == "epoll", "it is busy from the start")
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(b"GET /hang HTTP/1.1\r\nHost: x\r\n\r\n")
            deadline = time.monotonic() + 10
            while (loop := find(ps(), server.process.pid)["loops"][0])["now"] != "runs":
                check(time.monotonic() < deadline, f"it hangs, and its loop is {loop}")
                time.sleep(0.02)
            check(loop["waits_by"] is None and loop["tid"] == server.process.pid, f"it hangs, and its loop is {loop}")
            check(" busy" in holter("ps").stdout, "the table does not say so")
            server.process.kill()


def asyncio():
    """Python with asyncio"""
    port = free_port()
    with work_folder() as folder:
        (folder / "shop.py").write_text(ASYNCIO_SERVER)
        with Server([sys.executable, folder / "shop.py"], folder, {"PORT": str(port)}, port) as server:
            process = row(server.process.pid)
    check(process["runtime"].startswith("python 3."), f"the runtime is {process['runtime']}")
    check(process["script"] == "shop.py" and ports(process) == {port}, f"it is {process}")


def redis():
    """redis, with a unix socket too"""
    port = free_port()
    with work_folder() as folder:
        path = folder / "redis.sock"
        with Server([program("redis-server"), "--port", port, "--save", "", "--unixsocket", path], folder, port=port) as server:
            process = row(server.process.pid)
    check(process["runtime"] == "" and process["runtime_by"] is None, f"the runtime is {process['runtime']}")
    check({"port": None, "address": str(path)} in process["listening"], f"it listens on {process['listening']}")
    check(port in ports(process) and process["name"].startswith("redis"), f"it is {process}")


def nginx():
    """nginx: the workers have loops, the master has none"""
    port = free_port()
    with work_folder() as folder:
        (folder / "nginx.conf").write_text(f"""
            daemon off; worker_processes 2; pid {folder}/nginx.pid; error_log {folder}/error.log;
            events {{}} http {{ access_log off; server {{ listen 127.0.0.1:{port}; }} }}""")
        with Server([program("nginx"), "-c", folder / "nginx.conf", "-p", folder], folder, port=port) as server:
            master = server.process.pid
            deadline = time.monotonic() + 10
            while True:
                answer = ps()
                workers = [process for process in answer["processes"] if process["parent"] == master]
                if len(workers) == 2:
                    break
                check(time.monotonic() < deadline, f"two workers were started, {workers} are listed")
                time.sleep(0.02)
            check(find(answer, master) is None, "the master never waits for events, and is listed")
    for worker in workers:
        check(ports(worker) == {port} and worker["name"] == "nginx", f"a worker is {worker}")


def native():
    """native programs that wait by epoll, poll and select"""
    for call in ("epoll", "poll", "select"):
        port = free_port()
        with work_folder() as folder, Server([os.environ["HOLTER_LOOPS"], call], folder, {"PORT": str(port)}, port) as server:
            process = row(server.process.pid)
        check(process["loops"][0]["waits_by"] == call and ports(process) == {port}, f"{call}: {process}")


def others():
    """what polls and listens on nothing is listed with --all only"""
    with subprocess.Popen([sys.executable, "-c", "import select; select.poll().poll()"], env=without_holter()) as process:
        try:
            check(row(process.pid, "--all")["loops"][0]["waits_by"] == "poll", "it polls")
            check(find(ps(), process.pid) is None, "it is listed without --all")
        finally:
            process.kill()


def many_ports():
    """more ports than the table shows, and more descriptors than are looked at"""
    source = """
import resource, select, socket, sys
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
epoll = select.epoll()
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
fillers = [socket.socket() for _ in range(int(sys.argv[2]))]
last = socket.create_server(("127.0.0.1", 0))
print(*(listener.getsockname()[1] for listener in [*sockets, last]), flush=True)
epoll.poll()
"""
    for early, fillers, known, shown in ((3, 0, "all", "{0},{1},{2},{3}"), (5, 0, "all", "{0},{1},{2},{3},…"),
                                         (1, 4200, "part", "{0},…")):
        with subprocess.Popen([sys.executable, "-c", source, str(early), str(fillers)], stdout=subprocess.PIPE, text=True,
                              env=without_holter()) as process:
            try:
                printed = process.stdout.readline()
                if not printed:
                    raise Skip(f"{fillers} descriptors are not to be had")
                listened = sorted(map(int, printed.split()[:early if known == "part" else None]))
                answer, text = row(process.pid), holter("ps").stdout
            finally:
                process.kill()
        check(answer["listening_known"] == known and ports(answer) == set(listened), f"it listens on {answer['listening']}")
        line = next(line for line in text.splitlines() if line.split()[0] == str(process.pid))
        check(shown.format(*listened) in line.split(), f"its line is {line!r}")


def in_a_container():
    """a server in pid, mount, network and user namespaces of its own (hazard 39)"""
    wrapper = [program("unshare"), "-p", "-m", "-n", "-U", "-r", "--fork", "--mount-proc", "--kill-child", "--"]
    if subprocess.run([*wrapper, "true"], capture_output=True).returncode:
        raise Skip("namespaces cannot be made here")
    # The loopback of a new network is down: it listens on all addresses, and nobody comes.
    port = free_port()
    with work_folder() as folder:
        (folder / "shop.js").write_text(NODE_SERVER)
        with Server([*wrapper, node(), folder / "shop.js"], folder, {"PORT": str(port), "HOST": "0.0.0.0"}) as server:
            try:
                deadline, found = time.monotonic() + 20, []
                while not found or not ports(found[0]):
                    check(time.monotonic() < deadline, f"it is not listed, or without a port: {found}")
                    time.sleep(0.05)
                    found = [process for process in ps()["processes"] if process["parent"] == server.process.pid]
                text = holter("ps").stdout
            finally:
                server.process.kill()  # the first process of a namespace does not heed SIGTERM
    check(found[0]["container"] == {"runtime": None, "name": None, "pid": 1}, f"its container is {found[0]['container']}")
    check(ports(found[0]) == {port} and found[0]["script"] == "shop.js", f"it is {found[0]}")
    check(found[0]["runtime"].startswith("node "), f"the runtime is {found[0]['runtime']}")
    check(any(line.startswith(f"{found[0]['pid']} ") and " unnamed " in line for line in text.splitlines()), text)


@contextlib.contextmanager
def cgroup(name):
    """A control group of that name, in whichever hierarchy lets itself be written to."""
    for top in ("/sys/fs/cgroup", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/unified"):
        folder = pathlib.Path(top) / name
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            if (folder / "cgroup.procs").exists():  # else it is a plain folder
                yield folder
                return
        finally:
            deadline = time.monotonic() + 10
            while folder.exists() and time.monotonic() < deadline:
                with contextlib.suppress(OSError):  # what ran in it may be on its way out
                    folder.rmdir()
                time.sleep(0.02)
    raise Skip("no control group can be made here")


def named_container():
    """a container that a runtime has named, by its control group"""
    number = hashlib.sha256(str(os.getpid()).encode()).hexdigest()
    unshare = program("unshare")
    if subprocess.run([unshare, "-m", "true"], capture_output=True).returncode:
        raise Skip("namespaces cannot be made here")
    with cgroup(f"docker-{number}.scope") as group, work_folder() as folder:
        for wrapper, container in (((), None), ((unshare, "-m"), {"runtime": "docker", "name": number[:12], "pid": None})):
            with node_server(folder, wrapper=wrapper) as server:
                (group / "cgroup.procs").write_text(str(server.process.pid))
                process, text = row(server.process.pid), holter("ps").stdout
            check(process["container"] == container, f"it runs in {process['container']}")
            check((f" docker:{number[:12]} " in text) == bool(container), f"the table says {text}")


def recorded():
    """a preloaded server, and the file that it records to"""
    with work_folder() as folder:
        recording = folder / "shop.holter"
        with node_server(folder, environment=preloaded(recording)) as server:
            deadline = time.monotonic() + 10
            while not (recorded := find(ps(), server.process.pid)["recording"]):
                check(time.monotonic() < deadline, "it is not said to be recorded")
                time.sleep(0.02)
            check(recorded == {"mode": "preload", "file": str(recording), "attached_by": None}, f"it says {recorded}")
            check(str(recording) in holter("ps").stdout, "the table does not say so")
            check(recording.exists(), "there is no such file")


def attached():
    """a process that a tool has claimed, for as long as the tool lives"""
    with work_folder() as folder, node_server(folder) as server:
        pid = server.process.pid
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            start = int(stat.read().rpartition(")")[2].split()[19])
        with socket.socket(socket.AF_UNIX) as claim:
            claim.bind(f"\0holter.attach.{pid}.{start}.{os.getpid()}")
            check(row(pid)["recording"] == {"mode": "attach", "file": None, "attached_by": os.getpid()}, f"{row(pid)}")
        with socket.socket(socket.AF_UNIX) as claim:
            claim.bind(f"\0holter.attach.{pid}.{start + 1}.{os.getpid()}")
            check(row(pid)["recording"] is None, "a claim of an earlier process with this pid counts")
        check(row(pid)["recording"] is None, "the claim outlives the tool")


def named(folder, port, name):
    (folder / "named.py").write_text(NAMED_SERVER)
    return Server([sys.executable, folder / "named.py"], folder, {"PORT": str(port), "NAME": name}, port)


def one_port():
    """two processes on one port (SO_REUSEPORT)"""
    port = free_port()
    with work_folder() as folder, named(folder, port, "first") as first, named(folder, port, "second") as second:
        for server in (first, second):
            check(ports(row(server.process.pid)) == {port}, f"it is {row(server.process.pid)}")


def hostile():
    """a name that would act on the terminal (hazard 51)"""
    port, name = free_port(), "\x1b[2J\n) R 1\u202e"
    with work_folder() as folder, named(folder, port, name) as server:
        process = row(server.process.pid)
        done = holter("ps")
    check(process["name"] == name.encode()[:15].decode(errors="replace"), f"its name is {process['name']!r}")
    check("\x1b" not in done.stdout and "\u202e" not in done.stdout, "the table holds the escape sequence")
    line = next(line for line in done.stdout.splitlines() if line.split()[0] == str(server.process.pid))
    check("\\x1b[2J\\x0a) R 1\\u{202e}" in line, f"its line is {line!r}")


def storm():
    """processes that come and go meanwhile"""
    over = threading.Event()

    def spawn():
        while not over.is_set():
            subprocess.run([sys.executable, "-S", "-c", "import select; select.epoll()"], check=False)

    spawners = [threading.Thread(target=spawn) for _ in range(4)]
    with work_folder() as folder, node_server(folder) as server:
        for spawner in spawners:
            spawner.start()
        try:
            for _ in range(30):
                done = holter("ps", "--all")
                check(done.returncode == 0, f"it ended with {done.returncode}: {done.stderr}")
                check(f"\n{server.process.pid} " in done.stdout, "the server is not listed")
        finally:
            over.set()
            for spawner in spawners:
                spawner.join()


def without_rights():
    """another user sees their own processes, and how many they do not see"""
    if os.geteuid() != 0:
        raise Skip("only root can become another user")
    as_nobody = [program("setpriv"), f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"]
    if subprocess.run([*as_nobody, HOLTER, "--version"], capture_output=True).returncode:
        raise Skip(f"{HOLTER} may not be run by another user")
    with work_folder() as folder, node_server(folder) as root:
        port = free_port()
        (folder / "own.py").write_text(ASYNCIO_SERVER)
        with Server([*as_nobody, "/usr/bin/python3", folder / "own.py"], folder, {"PORT": str(port)}, port) as own:
            answer = ps(command=[*as_nobody, HOLTER])
            process = row(own.process.pid, command=[*as_nobody, HOLTER])
            done = subprocess.run([*as_nobody, HOLTER, "ps"], capture_output=True, text=True, env=without_holter())
        check(find(answer, root.process.pid) is None, "root's process is listed")
    check(ports(process) == {port} and process["user"] == "nobody", f"the own process is {process}")
    check(process["runtime"].startswith("python 3."), f"the runtime is {process['runtime']}")
    check(answer["not_looked_at"]["count"] > 0 and answer["not_looked_at"]["why"] == "permission", f"{answer['not_looked_at']}")
    lines = done.stderr.splitlines()
    check(len(lines) == 1 and "processes may not be inspected" in lines[0] and "CAP_SYS_PTRACE" in lines[0], f"it says {lines}")
    return lines[0]


def own_rights():
    """root with all rights is told of nothing hidden"""
    if os.geteuid() != 0:
        raise Skip("needs root")
    hidden = ps()["not_looked_at"]
    if hidden["count"]:
        raise Skip(f"this root lacks rights: {hidden}")
    done = holter("ps")
    check(not done.stderr, f"it says {done.stderr}")
    check(done.stdout.split()[:8] == ["PID", "USER", "RUNTIME", "LOOPS", "PORTS", "CONTAINER", "RECORDING", "NAME"], done.stdout)
    pids = [int(line.split()[0]) for line in done.stdout.splitlines()[1:]]
    check(pids == sorted(pids), f"the order is {pids}")


def wrong():
    """a wrong command line"""
    for arguments in (("ps", "12"), ("ps", "-x"), ("ps", "--pid")):
        done = holter(*arguments)
        check(done.returncode == 2 and len(done.stderr.splitlines()) == 1, f"{arguments}: {done.returncode}, {done.stderr}")


run_cases(node_is_listed, code_is_not_shown, hanging, asyncio, redis, nginx, native, others, many_ports, in_a_container,
          named_container, recorded, attached, one_port, hostile, storm, without_rights, own_rights, wrong)
