#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demo's load: visitors who leave on time, whatever the answers do.

    load.py PORT SECONDS PATH=PER_SECOND ...
"""
import asyncio
import sys


async def visit(port, path):
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        await reader.read()
        writer.close()
    except OSError:
        pass  # a visitor who finds the door shut is still a visitor


async def stream(port, seconds, path, per_second, place):
    loop = asyncio.get_running_loop()
    # Each stream begins at a place of its own in its period, so that they do not march in step.
    begin, visits = loop.time() + place / per_second, set()
    for number in range(int(seconds * per_second)):
        await asyncio.sleep(max(0, begin + number / per_second - loop.time()))
        task = asyncio.create_task(visit(port, path))
        visits.add(task)
        task.add_done_callback(visits.discard)
    await asyncio.sleep(max(0, begin + seconds - loop.time()))
    for task in visits:
        task.cancel()


async def main(port, seconds, *plan):
    parts = [part.partition("=") for part in plan]
    await asyncio.gather(*(stream(int(port), float(seconds), path, float(rate), number / len(parts))
                           for number, (path, _, rate) in enumerate(parts)))


asyncio.run(main(*sys.argv[1:]))
