"""How many deliveries a second one worker process carries out, end to end from the queue: claimed, signed, sent and
recorded; against a bare loop of `requests` in 16 threads that records nothing, to the same sink.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks.databases import count_rows
from benchmarks.options import Options, progress, workplace
from benchmarks.processes import ROOT, BenchmarkFailed, Children
from benchmarks.queue_filler import queue_deliveries
from benchmarks.report import Row, Target
from benchmarks.servers import GatewayUnderTest, Sink, gateway_under_test, start_sink

TARGETS = {"sqlite": Target(3.0), "postgres": Target(2.5)}
POLL_SECONDS = 0.01
TIMEOUT_SECONDS = 300.0


def measure(options: Options) -> list[Row]:
    """Rows for every database."""
    return [row for kind in options.databases for row in _measure(kind, options)]


def _measure(kind: str, options: Options) -> Sequence[Row]:
    with workplace() as (children, directory), ExitStack() as databases:
        sink = start_sink(children, directory)
        subject = databases.enter_context(gateway_under_test("gateway", kind, directory, sink.url))
        gateway: list[float] = []
        reference: list[float] = []
        for number in range(options.runs):
            reference.append(reference_rate(sink, options.seconds))
            gateway.append(delivery_rate(subject, sink, options.deliveries))
            progress(f"delivery {kind} run {number + 1}: gateway {gateway[-1]:.0f}/s, requests {reference[-1]:.0f}/s")
    return (Row("delivery ÷ requests loop", kind, "/s", gateway, reference, TARGETS[kind]),)


def delivery_rate(subject: GatewayUnderTest, sink: Sink, count: int, *, workers: int = 1) -> float:
    """Deliveries a second of new workers, from the start of the first send until all are recorded as delivered."""
    queue_deliveries(subject, count)
    sink.reset()
    before = count_rows(subject.database_url, "deliveries", "state = 'delivered'")
    with Children() as children:
        started = [subject.start_worker(children, number=number + 1) for number in range(workers)]
        ends_at = time.monotonic() + TIMEOUT_SECONDS
        # The sink is asked first: asking the database all the time would take from the worker.
        while sink.count() < count:
            for worker in started:
                worker.require_alive()
            if time.monotonic() > ends_at:
                raise BenchmarkFailed(f"{sink.count()} of {count} deliveries arrived in {TIMEOUT_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS * 5)
        while count_rows(subject.database_url, "deliveries", "state = 'delivered'") < before + count:
            if time.monotonic() > ends_at:
                raise BenchmarkFailed(f"not all of {count} deliveries were recorded in {TIMEOUT_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)
        seconds = time.monotonic() - sink.first_at()
    if sink.count() != count:
        raise BenchmarkFailed(f"{count} deliveries were due, {sink.count()} arrived")
    return count / seconds


def reference_rate(sink: Sink, seconds: float) -> float:
    """Requests a second of the bare loop."""
    command = [sys.executable, "-m", "benchmarks.references", sink.url, str(seconds)]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=seconds + 60).stdout
    return float(json.loads(output)["rate"])
