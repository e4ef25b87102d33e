"""Whether all watchers of the live feed are served while one of them never reads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import uvloop
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.performance.figure import Figure
from benchmarks.performance.flow import wait_until_settled
from benchmarks.performance.http_load import open_loop, request
from benchmarks.performance.processes import resident_bytes
from benchmarks.performance.stack import Stack, running

__all__ = ["measure_live"]

CLIENTS = 500
RATE, SECONDS = 100, 10
_MIB = 1024 * 1024
# A client gets at most one frame of each type per wake-up, which bounds the frames a second.
_GRACE_SECONDS = 5.0


def measure_live(lines: Sequence[bytes], *, clients: int = CLIENTS) -> list[Figure]:
    """Let `clients` watch while records are sent; one of them never reads."""
    requests = [
        request("/monitor/inference", line, "Prefer: respond-async") for line in lines[: RATE * SECONDS]
    ]
    with running(workers=1) as stack:
        open_loop(stack.port, requests[:RATE], rate=RATE)
        wait_until_settled(stack.database_url, RATE)
        before = resident_bytes(stack.pids["api"])
        counts = uvloop.run(_watch(stack, requests, clients))
        grown = resident_bytes(stack.pids["api"]) - before
    served = sum(bool(count) for count in counts)
    return [
        Figure(
            name=f"watchers served of {clients}, one of which never reads",
            value=served,
            unit="clients",
            yardstick=clients - 1,
            yardstick_name="those that read",
            goal="every one",
            met=served == clients - 1,
            details={
                "records": float(len(requests)),
                "fewest frames": float(min(counts)),
                "most frames": float(max(counts)),
                "API grew by MiB": grown / _MIB,
            },
        )
    ]


async def _watch(stack: Stack, requests: Sequence[bytes], clients: int) -> list[int]:
    address = f"ws://127.0.0.1:{stack.port}/ws/metrics"
    sockets = [
        await connect(address, compression=None, max_queue=1, ping_interval=None) for _ in range(clients)
    ]
    counts = [0] * (clients - 1)  # the last one never reads
    reading = [asyncio.create_task(_read(sockets[number], counts, number)) for number in range(clients - 1)]
    begun = time.perf_counter()
    await asyncio.to_thread(open_loop, stack.port, requests, rate=RATE)
    await asyncio.sleep(max(0.0, SECONDS + _GRACE_SECONDS - (time.perf_counter() - begun)))
    for task in reading:
        task.cancel()
    await asyncio.gather(*reading, return_exceptions=True)
    for socket in sockets:
        socket.transport.abort()
    return counts


async def _read(socket: ClientConnection, counts: list[int], number: int) -> None:
    async for frame in socket:
        if b'"trace"' in (frame if isinstance(frame, bytes) else frame.encode())[:20]:
            counts[number] += 1
