"""What a stream of messages over a WebSocket costs, and that none is lost where its connection is cut."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Any

from benchmarks.options import progress, workplace
from benchmarks.processes import ROOT, await_http, free_port
from benchmarks.report import Row, Target
from gateway.clients.retries import RetryPolicy
from gateway.clients.websocket.client import WebSocketClient
from gateway.clients.websocket.link import Link
from gateway.clients.websocket.observer import NullSocketObserver
from gateway.security.ssrf import AddressPolicy

RATE = 10_000
SECONDS = 5
CUTS = 20
LOST_TARGET = Target(0.0, at_most=True)


def measure(runs: int) -> list[Row]:
    """The client runs in this process, the system in another one."""
    port = free_port()
    cpu, rates, lost = [], [], []
    with workplace() as (children, directory):
        server = children.start(
            "stream",
            [sys.executable, "-m", "benchmarks.stream_server", str(port)],
            directory=directory,
            environment=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        await_http(server, port)
        for number in range(min(runs, 3)):
            began, used = time.perf_counter(), time.process_time()
            missing, connections = asyncio.run(_read(port, number))
            took = time.perf_counter() - began
            assert connections == CUTS + 1, connections
            cpu.append(100 * (time.process_time() - used) / took)
            rates.append(RATE * SECONDS / took)
            lost.append(float(missing))
            progress(f"stream run {number + 1}: {rates[-1]:.0f} messages/s, {cpu[-1]:.0f} % CPU, {missing} lost")
    return [
        Row(f"{RATE} WebSocket messages/s, {CUTS} cuts: CPU", "–", "%", cpu),
        Row(f"{RATE} WebSocket messages/s, {CUTS} cuts: read", "–", "/s", rates),
        Row(f"{RATE} WebSocket messages/s, {CUTS} cuts: lost", "–", "messages", lost, target=LOST_TARGET),
    ]


async def _read(port: int, name: int) -> tuple[int, int]:
    """How many of the stream's messages did not come, or not in their order, and how many connections it took."""
    last, missing, connections = 0, 0, 0

    async def go_on(link: Link) -> None:
        nonlocal connections
        connections = link.number
        await link.send({"after": last})

    query = {"name": name, "total": RATE * SECONDS, "rate": RATE, "cuts": CUTS}
    options: dict[str, Any] = {"allow_plain": True, "policy": AddressPolicy(allow_private=True), "query": query}
    at_once = RetryPolicy(max_tries=1000, first_pause_seconds=0.001, longest_pause_seconds=0.01)
    async with WebSocketClient(
        f"ws://127.0.0.1:{port}", on_open=go_on, reconnect=at_once, observer=NullSocketObserver(), **options
    ) as socket:
        async for message in socket:
            if message["number"] != last + 1:
                missing += 1
            last = message["number"]
            if last == RATE * SECONDS:
                break
    return missing, connections
