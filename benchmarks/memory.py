"""Memory of a web worker: idle, and how much it has grown after many events."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

import psutil

from benchmarks.ingest import GatewayIngest
from benchmarks.options import Options, progress, workplace
from benchmarks.processes import Children, run_load
from benchmarks.report import Row, Target
from benchmarks.servers import gateway_under_test, start_sink

IDLE_TARGET = Target(90.0, at_most=True)
GROWTH_TARGET = Target(10.0, at_most=True)
MEGABYTE = 1 << 20
# Every thread of every worker has worked, every pool and cache of the process has been used.
SETTLED_EVENTS = 10_000
TIMEOUT_SECONDS = 600.0


def measure(options: Options) -> list[Row]:
    """Rows for every database; one run each, for it is the same every time."""
    return [row for kind in options.databases for row in _measure(kind, options)]


def _measure(kind: str, options: Options) -> Sequence[Row]:
    with workplace() as (outer, directory), ExitStack() as databases:
        sink = start_sink(outer, directory)
        subject = databases.enter_context(gateway_under_test("gateway", kind, directory, sink.url))
        children = databases.enter_context(Children())
        gateway = GatewayIngest(children, subject, options)
        profile = gateway.web.ingest_profile(seconds=TIMEOUT_SECONDS, connections=options.connections)

        def after(events: int) -> float:
            gateway.acknowledged(run_load(children, replace(profile, max_requests=events)).answered)
            size = resident_megabytes(gateway.web.child.process.pid)
            progress(f"memory {kind}: {size:.1f} MB per worker after {events} more events")
            return size

        # Each worker has loaded its snapshot and opened its connections, and has nothing to do.
        idle = after(4 * options.connections)
        settled = after(SETTLED_EVENTS)
        full = after(options.events)
    events = f"{options.events:,}".replace(",", " ")
    return (
        Row("memory, idle web worker", kind, "MB", [idle], target=IDLE_TARGET),
        Row(f"growth after {events} events", kind, "%", [(full / idle - 1) * 100], target=GROWTH_TARGET),
        Row(f"the same, since {SETTLED_EVENTS} events", kind, "%", [(full / settled - 1) * 100], target=GROWTH_TARGET),
    )


def resident_megabytes(master_pid: int) -> float:
    """The mean resident size of gunicorn's workers."""
    sizes = [worker.memory_info().rss for worker in psutil.Process(master_pid).children()]
    return sum(sizes) / len(sizes) / MEGABYTE
