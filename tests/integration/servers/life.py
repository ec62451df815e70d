# SPDX-License-Identifier: Apache-2.0
"""asleep: an asyncio server that falls asleep for good. polls: a server that waits by poll, for as long as it takes.
PROGRAM...: a loop that becomes another program on SIGUSR2.
"""
import asyncio
import os
import select
import signal
import socket
import sys
import time


def think():
    time.sleep(1000)


async def answer(_, writer):
    writer.close()


async def fall_asleep():
    await asyncio.start_server(answer, "127.0.0.1", int(os.environ["PORT"]))
    await asyncio.sleep(0.3)
    think()


def become(*command):
    become_now = []
    signal.signal(signal.SIGUSR2, lambda *_: become_now.append(True))
    with socket.create_server(("127.0.0.1", int(os.environ["PORT"]))) as listener, select.epoll() as loop:
        loop.register(listener, select.EPOLLIN)
        while not become_now:
            for _ in loop.poll(0.05):
                listener.accept()[0].close()
    os.execvp(command[0], command)


def serve_by_poll():
    with socket.create_server(("127.0.0.1", int(os.environ["PORT"]))) as listener:
        loop = select.poll()
        loop.register(listener, select.POLLIN)
        while loop.poll():
            listener.accept()[0].close()


if sys.argv[1] == "asleep":
    asyncio.run(fall_asleep())
elif sys.argv[1] == "polls":
    serve_by_poll()
else:
    become(*sys.argv[1:])
