# SPDX-License-Identifier: Apache-2.0
"""A server on $PORT that begins other processes on SIGUSR2, in the way that its first argument names.

brief N: N that end at once and are left so for a while; when asked again a worker, too. many N: N workers of a few turns, ten at a time. grandchild: a child that
begins a worker at once, and sleeps. thread PROGRAM...: no process, but another program, by a thread that is not the first.
"""
import os
import select
import signal
import socket
import sys
import threading
import time

STALL_SECONDS = 0.12


def settle_accounts():
    time.sleep(STALL_SECONDS)


def work(turns):
    with socket.create_server(("127.0.0.1", 0)) as listener, select.epoll() as loop:
        loop.register(listener, select.EPOLLIN)
        for _ in range(20):
            loop.poll(0.02)
        for _ in range(turns):
            loop.poll(0.1)
            settle_accounts()
    os._exit(0)


def begin(what, *words):
    child = os.fork()
    if not child:
        what(*words)
        os._exit(0)
    return child


def brief(wait, count, asked=[]):
    children = [begin(lambda: None) for _ in range(int(count))]
    time.sleep(1)
    for child in children:
        os.waitpid(child, 0)
    asked.append(True)
    if len(asked) == 2:
        begin(work, 1000)


def many(wait, count):
    for _ in range(0, int(count), 10):
        for child in [begin(work, 0) for _ in range(10)]:
            while not os.waitpid(child, os.WNOHANG)[0]:
                wait(0.01)


def grandchild(wait):
    def pass_on():
        begin(work, 1000)
        time.sleep(1000)

    begin(pass_on)


def thread(wait, *command):
    threading.Thread(target=os.execvp, args=(command[0], command)).start()


def main():
    asked = []
    signal.signal(signal.SIGUSR2, lambda *_: asked.append(True))
    with socket.create_server(("127.0.0.1", int(os.environ["PORT"]))) as listener, select.epoll() as loop:
        loop.register(listener, select.EPOLLIN)

        def wait(seconds):
            for _ in loop.poll(seconds):
                listener.accept()[0].close()

        while True:
            wait(0.05)
            if asked:
                asked.clear()
                globals()[sys.argv[1]](wait, *sys.argv[2:])


main()
