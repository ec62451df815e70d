#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every shape that a server's loops and processes take: what is recorded, by whom, and what is no stall.

The faults and their healthy twins mostly share a server: its quick paths, its other loop, its other process. Servers burn CPU
time: of a stall that is mostly a wait for a CPU, the machine would be the culprit.
"""
import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import (LIBRARY, Recording, Server, Skip, check, diagnose, free_port, get, holter, load, node, program,
                     run_cases, severe, under_holter, uses_node, without_holter, work_folder)

LOOPS = os.environ.get("HOLTER_LOOPS", "")


def functions(found):
    return [(finding["culprit"] or {}).get("function") for finding in found]


def only(found, function, cause):
    """Checks that one function is the verdict, for one cause."""
    check(functions(found) == [function], f"{[finding['summary'] for finding in found]}, not {function}")
    check(found[0]["cause"] == cause, f"the cause is {found[0]['cause']}, not {cause}")
    return found[0]


def in_folder(folder):
    """An environment in which whoever serves makes a recording of its own."""
    return {"LD_PRELOAD": LIBRARY, "HOLTER_DIR": str(folder)}


def recordings(folder):
    """The recordings in a folder, by the pid in their names."""
    return {int(path.stem.rpartition("-")[2]): path for path in folder.glob("*.holter")}


def serve_js(folder, source, visits, seconds=4, threshold_ms=50):
    """Runs a node program that listens on PORT; returns its recording."""
    port, recording, script = free_port(), folder / "node.holter", folder / "server.js"
    script.write_text(source)
    command = under_holter([node(), script], recording, "--threshold", str(threshold_ms))
    with Server(command, folder, {"PORT": str(port)}, port):
        load(port, seconds, **visits)
    return recording


CONVERTING = """
const { execSync, spawnSync } = require('child_process');
const chatter = 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do echo line $i; sleep 0.01; done';
function listFiles() { return spawnSync('sh', ['-c', chatter]).stdout.toString(); }
WHEN;
require('http').createServer((request, response) => {
  response.end(request.url === '/slow' ? listFiles() : 'hello');
}).listen(process.env.PORT, '127.0.0.1');
"""


@uses_node
def nested():
    """a nested loop of many waits (spawnSync of a chatty child) is a blocking call inside a turn"""
    with work_folder() as folder:
        found = severe(diagnose(serve_js(folder, CONVERTING.replace("WHEN", ""), {"root": 40, "slow": 2})))
    return only(found, "listFiles", "blocked")["summary"]


@uses_node
def nested_first():
    """a nested loop that waits before the main one: it is not taken for the loop, and start-up is no stall"""
    with work_folder() as folder:
        path = serve_js(folder, CONVERTING.replace("WHEN", "listFiles(); listFiles()"), {"root": 5})
        diagnosis = diagnose(path)
        check(not severe(diagnosis), f"reported: {severe(diagnosis)}")
        check(all(stall["startup"] or stall["ms"] < 2000 for stall in Recording(path).stalls), "a turn never ended")


@uses_node
def nested_after_listen():
    """the same, after it listens: the nested loop is gone when the main one waits, and its turn ends"""
    source = CONVERTING.replace("WHEN", "setImmediate(() => { listFiles(); listFiles(); })")
    with work_folder() as folder:
        path = serve_js(folder, source, {"root": 5}, 6)
        stalls = [stall for stall in Recording(path).stalls if stall["ms"] > 150]  # the others are the machine's
        check(len(stalls) <= 2 and all(stall["ended"] and stall["ms"] < 3000 for stall in stalls), f"stalls: {stalls}")


def two_loops():
    """two loops in a process: the one that stalls is named, the other is not"""
    with work_folder() as folder:
        port, path = free_port(), folder / "loops.holter"
        with Server(under_holter([LOOPS, "epoll", "threads"], path), folder, {"PORT": str(port)}, port):
            visitor = threading.Thread(target=load, args=(port, 4), kwargs={"root": 40})
            visitor.start()
            load(port + 1, 4, root=20, slow=3)
            visitor.join()
        diagnosis = diagnose(path)
        found = only(severe(diagnosis), "burn_on_purpose", "on-cpu")
        check(found["loop"]["thread"] == "second", f"the loop is {found['loop']}")
        return found["summary"]


WORKERS = """
const { Worker, isMainThread } = require('worker_threads');
function spin(milliseconds) {
  const begin = process.cpuUsage();
  while (process.cpuUsage(begin).user < 1000 * milliseconds) for (let i = 0; i < 10000; i++) Math.sqrt(i);
}
if (isMainThread) {
  const worker = new Worker(__filename);
  require('http').createServer((request, response) => {
    if (request.url === '/worker') worker.postMessage('work');
    response.end('hello');
  }).listen(process.env.PORT, '127.0.0.1');
} else {
  require('worker_threads').parentPort.on('message', function crunchNumbers() { spin(120); });
}
"""


@uses_node
def worker_threads():
    """a worker thread's stall is the worker's; the main thread answers meanwhile and is not blamed"""
    with work_folder() as folder:
        path = serve_js(folder, WORKERS, {"root": 40, "worker": 3}, 5)
        diagnosis = diagnose(path)
        found = severe(diagnosis)
        check(found and functions(found)[0] in ("spin", "crunchNumbers"), f"blames {functions(found)}")
        check(all(finding["loop"]["tid"] != diagnosis["recording"]["pid"] for finding in found), "the main thread is blamed")
        return found[0]["summary"]


SHORT_WORKERS = """
const { Worker, isMainThread, workerData } = require('worker_threads');
function spin(milliseconds) {
  const begin = process.cpuUsage();
  while (process.cpuUsage(begin).user < 1000 * milliseconds) for (let i = 0; i < 10000; i++) Math.sqrt(i);
}
if (isMainThread) {
  require('http').createServer((request, response) => {
    new Worker(__filename, { workerData: request.url }).once('exit', () => response.end('done'));
  }).listen(process.env.PORT, '127.0.0.1');
} else {
  let waits = 0;
  setInterval(() => {
    if (++waits < 5) return;
    const begin = Date.now();
    if (workerData === '/fatal') {
      spin(300);
      require('fs').writeSync(1, `spun ${Date.now() - begin}\n`);
    }
    process.exit();
  }, 5);
}
"""


@uses_node
def short_workers():
    """a worker for each request: what its thread does not do once it has ended is no stall"""
    with work_folder() as folder:
        # On a busy machine a thread takes its time to end, but not this long.
        path = serve_js(folder, SHORT_WORKERS, {"root": 10}, 5, threshold_ms=250)
        stalls = [stall for stall in Recording(path).stalls if not stall["startup"]]
        check(not stalls, f"stalls: {stalls}")


@uses_node
def fatal_workers():
    """workers that end in the midst of a stall: it is known, has ended, and lasted no longer than they did"""
    with work_folder() as folder:
        path = serve_js(folder, SHORT_WORKERS, {"fatal": 1}, 5)
        spun = [int(number) for number in re.findall(r"^spun (\d+)$", (folder / "server.log").read_text(), re.M)]
        stalls = [stall["ms"] for stall in Recording(path).stalls if stall["ended"] and not stall["startup"]]
        check(len(spun) >= 2, f"only {spun} were done in time")
        for ms in spun:  # its end is seen at the next sample, and to end takes time as well
            check(any(ms - 50 < stall < 1.5 * ms + 300 for stall in stalls), f"{ms} ms are none of {stalls}")
        check(max(stalls) < 1.5 * max(spun) + 300, f"{stalls}, of {spun}")
        return only(severe(diagnose(path)), "spin", "on-cpu")["summary"]


def hang(kind):
    def run():
        with work_folder() as folder:
            port, path = free_port(), folder / "loops.holter"
            with Server(under_holter([LOOPS, kind], path), folder, {"PORT": str(port)}, port) as server:
                load(port, 2, root=30)
                check(not severe(diagnose(path)), "something is reported before it hangs")
                with socket.create_connection(("127.0.0.1", port)) as visitor:
                    visitor.sendall(b"GET /hang HTTP/1.1\r\n\r\n")
                    time.sleep(2.5)
                    during = only(severe(diagnose(path)), "hang_on_purpose", "on-cpu")
                    check(during["stall"]["max_ms"] >= 1500, f"so far {during['stall']['max_ms']} ms of it are known")
                    server.stop(signal.SIGKILL)
            after = only(severe(diagnose(path)), "hang_on_purpose", "on-cpu")
            check(after["severity"] == "critical", f"a hang is called {after['severity']}")
            check(after["stall"]["max_ms"] >= during["stall"]["max_ms"], "a kill costs what was known before")
            return after["summary"]

    run.__doc__ = f"a {kind} loop hangs for ever: reported while it lasts, and after SIGKILL"
    return run


STARTING = """
import http from 'node:http';
function spin(milliseconds) {
  const begin = process.cpuUsage();
  while (process.cpuUsage(begin).user < 1000 * milliseconds) for (let i = 0; i < 10000; i++) Math.sqrt(i);
}
function listen() {
  http.createServer((request, response) => response.end('hello')).listen(process.env.PORT, '127.0.0.1');
}
"""


@uses_node
def starting_at_once():
    """a start-up of one long turn is no stall"""
    with work_folder() as folder:
        path = serve_js(folder, STARTING.replace("import http from 'node:http'", "const http = require('node:http')")
                        + "spin(400); listen();", {"root": 20}, 2)
        check(not severe(diagnose(path)), f"reported: {severe(diagnose(path))}")


@uses_node
def starting_in_turns():
    """a start-up of many turns, by top-level await, is no stall"""
    waits = "for (let i = 0; i < 15; i++) { await new Promise((go) => setTimeout(go, 5)); spin(i > 11 ? 150 : 0); } listen();"
    with work_folder() as folder:
        script = folder / "server.mjs"
        script.write_text(STARTING + waits)
        port, path = free_port(), folder / "node.holter"
        with Server(under_holter([node(), script], path), folder, {"PORT": str(port)}, port):
            load(port, 2, root=20)
        check(not severe(diagnose(path)), f"reported: {severe(diagnose(path))}")
        check(any(stall["startup"] for stall in Recording(path).stalls), "the long turns of its start-up are not even shown")


def serving_child(shape):
    """Runs loops.c in a shape in which another process than the first one serves; returns the one recording."""
    folder, port = shape["folder"], free_port()
    (folder / "recordings").mkdir()
    command = [LOOPS, "epoll", shape["name"]]
    with Server(command, folder, {"PORT": str(port), **in_folder(folder / "recordings")}) as server:
        deadline = time.monotonic() + 30
        while b"ok" not in try_get(port) and time.monotonic() < deadline:
            time.sleep(0.05)
        load(port, 3, root=40, slow=3)
        left = recordings(folder / "recordings")
        check(len(left) == 1, f"{len(left)} recordings")
        check(server.process.pid not in left, "the process that does not serve has made a recording")
        for pid in left:  # a daemon has left the group
            os.kill(pid, signal.SIGTERM)
    return next(iter(left.values()))


def try_get(port):
    try:
        return get(port, seconds=2)
    except OSError:
        return b""


def forked():
    """a child that was forked without exec serves: it is recorded, its parent is not"""
    with work_folder() as folder:
        return only(severe(diagnose(serving_child({"folder": folder, "name": "fork"}))), "burn_on_purpose",
                    "on-cpu")["summary"]


def daemonised():
    """a daemon, forked twice in a session of its own: it alone is recorded"""
    with work_folder() as folder:
        return only(severe(diagnose(serving_child({"folder": folder, "name": "daemon"}))), "burn_on_purpose",
                    "on-cpu")["summary"]


def dark():
    """what listens and never waits leaves no recording"""
    with work_folder() as folder:
        port = free_port()
        with Server([LOOPS, "epoll", "dark"], folder, {"PORT": str(port), **in_folder(folder)}, port):
            time.sleep(0.5)
        check(not recordings(folder), f"left behind: {recordings(folder)}")


def nginx_workers():
    """nginx: workers that have dropped root record, one file each; the master does not"""
    if os.geteuid() != 0:
        raise Skip("only root can drop root")
    port = free_port()
    with work_folder() as folder:
        (folder / "logs").mkdir()
        (folder / "recordings").mkdir(mode=0o700)  # which a worker could not write to any more
        (folder / "nginx.conf").write_text(f"""
            user www-data; daemon off; worker_processes 2; pid {folder}/pid; error_log {folder}/error.log;
            events {{ }}
            http {{
                access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
                fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
                server {{
                    listen 127.0.0.1:{port};
                    location ~ ^/name/((\\w+\\s?)+)+$ {{ return 200 "name"; }}
                    location / {{ return 200 "hello"; }}
                }}
            }}""")
        command = [program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf")]
        with Server(command, folder, in_folder(folder / "recordings"), port) as server:
            for _ in range(30):
                get(port)
            for _ in range(8):
                get(port, "/name/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa%21")
                get(port)
            time.sleep(1.2)
            left = recordings(folder / "recordings")
            check(server.process.pid not in left, "the master has made a recording")
        check(len(left) == 2, f"{len(left)} recordings of 2 workers")
        found = [finding for path in left.values() for finding in severe(diagnose(path))]
        check(found and found[0]["cause"] == "on-cpu", f"reported: {found}")
        return found[0]["summary"]


def dropping(folder, settings, command=()):
    """Runs loops.c as one who drops root before it listens, below a folder that is root's alone; returns what it said."""
    if os.geteuid() != 0:
        raise Skip("only root can drop root")
    port = free_port()
    (folder / "closed").mkdir(mode=0o700)
    with Server([*command, LOOPS, "epoll", "drops"], folder, {"PORT": str(port), **settings}, port) as server:
        load(port, 3, root=40, slow=3)
        return server.printed()


def drops_first():
    """a server that drops root before it listens: a recording that has a name is opened before"""
    with work_folder() as folder:
        recording = folder / "closed" / "x.holter"
        said = dropping(folder, {}, under_holter([], recording))
        check(not said, f"it says {said}")
        return only(severe(diagnose(recording)), "burn_on_purpose", "on-cpu")["summary"]


def drops_first_elsewhere():
    """the same where its new user may write: the recording is that user's own"""
    with work_folder() as folder:
        (folder / "open").mkdir()
        (folder / "open").chmod(0o777)
        recording = folder / "open" / "x.holter"
        said = dropping(folder, {}, under_holter([], recording))
        check(not said, f"it says {said}")
        check(recording.stat().st_uid != 0, "it was opened early")
        return only(severe(diagnose(recording)), "burn_on_purpose", "on-cpu")["summary"]


def drops_into_the_dark():
    """the same without a name: one line on standard error says that nothing is recorded, and why"""
    with work_folder() as folder:
        said = dropping(folder, in_folder(folder / "closed"))
        check(said == f"holter: no recording: {folder}/closed: user 65534 may not write there; "
              "choose another with -o or HOLTER_DIR\n", f"it says {said!r}")
        check(not recordings(folder / "closed"), "there is a recording")


CLUSTER = """
const cluster = require('cluster');
function crunchNumbers() {
  const begin = process.cpuUsage();
  while (process.cpuUsage(begin).user < 150000) for (let i = 0; i < 10000; i++) Math.sqrt(i);
  return 'done';
}
if (cluster.isPrimary) {
  cluster.fork(); cluster.fork();
} else {
  require('http').createServer((request, response) => {
    response.end(request.url === '/slow' ? crunchNumbers() : 'hello');
  }).listen(process.env.PORT, '127.0.0.1');
}
"""


@uses_node
def cluster():
    """node's cluster: a recording for each process; the workers are blamed, the primary is not"""
    with work_folder() as folder:
        (folder / "recordings").mkdir()
        (folder / "server.js").write_text(CLUSTER)
        port = free_port()
        with Server([node(), folder / "server.js"], folder, {"PORT": str(port), **in_folder(folder / "recordings")},
                    port) as server:
            # The workers never call listen themselves: they serve from their first connection on.
            load(port, 5, root=20, slow=4)
            primary = server.process.pid
        left = recordings(folder / "recordings")
        check(len(left) == 3 and primary in left, f"{len(left)} recordings of 3 processes")
        for pid, path in left.items():
            found = severe(diagnose(path))
            if pid == primary:
                check(not found, f"the primary: {found}")
            else:
                only(found, "crunchNumbers", "on-cpu")


@contextlib.contextmanager
def npm_start(folder, command=(), environment=None, **visits):
    """A server behind `npm start`, under load, which has ended afterwards."""
    port = free_port()
    (folder / "package.json").write_text('{"name": "shop", "scripts": {"start": "node server.js"}}')
    (folder / "server.js").write_text("""
        function sumUp() {
          const begin = process.cpuUsage();
          while (process.cpuUsage(begin).user < 120000) for (let i = 0; i < 10000; i++) Math.sqrt(i);
          return 'sum';
        }
        require('http').createServer((request, response) => response.end(request.url === '/slow' ? sumUp() : 'hello'))
          .listen(process.env.PORT, '127.0.0.1');""")
    environment = {"PORT": str(port), "HOME": str(folder), "npm_config_update_notifier": "false",
                   "PATH": f"{pathlib.Path(node()).parent}:{os.environ['PATH']}", **(environment or {})}
    with Server([*command, program("npm"), "start"], folder, environment, port):
        load(port, 3, root=20, **visits)
    yield


@uses_node
def npm():
    """npm start: the server is recorded; of npm, the shell and what else runs beside it nothing is reported"""
    with work_folder() as folder:
        (folder / "recordings").mkdir()
        with npm_start(folder, environment=in_folder(folder / "recordings"), slow=3):
            found = [finding for path in recordings(folder / "recordings").values() for finding in severe(diagnose(path))]
        only(found, "sumUp", "on-cpu")


@uses_node
def npm_by_name():
    """npm start with a recording by name: npm itself may take that, and the verdict is the server's all the same"""
    with work_folder() as folder:
        recording, quiet = folder / "shop.holter", folder / "quiet.holter"
        with npm_start(folder, under_holter([], recording), slow=3):
            only(severe(diagnose(recording)), "sumUp", "on-cpu")
            check("sumUp" in holter("diagnose", recording).stdout, "the text does not name it")
        # What an earlier run has left is no relative's.
        guilty = [path for path in folder.glob("shop.holter*") if severe(diagnose(path))][0]
        with npm_start(folder, under_holter([], quiet)):
            guilty.rename(folder / "quiet.holter.4711")
            found = severe(diagnose(quiet))
            check(not found, f"reported: {found}")


WAITING = """
// A tool that waits for a child, and works between its waits as no server may.
const { spawn } = require('child_process');
const child = spawn('sh', ['-c', 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do echo $i; sleep 0.05; done']);
child.stdout.on('data', () => { for (const end = Date.now() + 70; Date.now() < end;); });
"""

POLLING = """
import select, subprocess, time
child = subprocess.Popen(["sh", "-c", "sleep 2"], stdout=subprocess.PIPE)
poll = select.poll()
poll.register(child.stdout)
for _ in range(20):
    poll.poll(20)
    end = time.monotonic() + 0.08
    while time.monotonic() < end: pass
child.kill()
"""


@uses_node
def no_servers():
    """programs that wait but do not serve: nothing is reported, and what only polls leaves nothing behind"""
    with work_folder() as folder:
        for name, command in (("waiting", [node(), "-e", WAITING]), ("polling", [sys.executable, "-c", POLLING]),
                              ("sleeping", [program("sleep"), "0.3"])):
            (folder / name).mkdir()
            subprocess.run(command, check=True, timeout=30, stdin=subprocess.DEVNULL,
                           env={**without_holter(), **in_folder(folder / name)})
            left = recordings(folder / name)
            check(len(left) == (1 if name == "waiting" else 0), f"{name}: {len(left)} recordings")
            for path in left.values():
                check(not severe(diagnose(path)), f"{name}: {severe(diagnose(path))}")


run_cases(nested, nested_first, nested_after_listen, two_loops, worker_threads, short_workers, fatal_workers, hang("epoll"),
          hang("poll"), hang("select"), starting_at_once, starting_in_turns, forked, daemonised, dark, nginx_workers, drops_first,
          drops_first_elsewhere, drops_into_the_dark, cluster,
          npm, npm_by_name, no_servers)
