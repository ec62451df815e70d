#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sends exactly so many HTTP requests over ten kept connections, each as soon as the one before is answered.

    requests.py PORT REQUESTS
"""
import asyncio
import sys

CONNECTIONS = 10
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def converse(port, requests):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(requests):
        writer.write(REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
    writer.close()


async def main(port, requests):
    await asyncio.gather(*(converse(port, requests // CONNECTIONS) for _ in range(CONNECTIONS)))


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
