"""Ingest while a worker delivers at the same time, against ingest with the worker stopped."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks.ingest import WARM_UP_SECONDS, GatewayIngest, summary
from benchmarks.options import Options, progress, workplace
from benchmarks.processes import Children
from benchmarks.report import Row
from benchmarks.servers import gateway_under_test, start_sink


def measure(options: Options) -> list[Row]:
    """Rows for every database."""
    return [row for kind in options.databases for row in _measure(kind, options)]


def _measure(kind: str, options: Options) -> Sequence[Row]:
    with workplace() as (outer, directory), ExitStack() as databases:
        sink = start_sink(outer, directory)
        quiet = databases.enter_context(gateway_under_test("stopped", kind, directory, sink.url))
        busy = databases.enter_context(gateway_under_test("delivering", kind, directory, sink.url))
        children = databases.enter_context(Children())
        stopped, delivering = GatewayIngest(children, quiet, options), GatewayIngest(children, busy, options)
        worker = busy.start_worker(children)
        stopped.run(WARM_UP_SECONDS)
        delivering.run(WARM_UP_SECONDS)
        busy.await_delivered(worker)
        rates: dict[str, list[float]] = {"stopped": [], "delivering": []}
        for number in range(options.runs):
            results = {"stopped": stopped.run(options.seconds), "delivering": delivering.run(options.seconds)}
            # What is left is delivered before the next run, which must not pay for it.
            busy.await_delivered(worker)
            for name, result in results.items():
                rates[name].append(result.rate)
            progress(f"delivering {kind} run {number + 1}: " + ", ".join(map(summary, results.items())))
    return (Row("ingest, worker delivering ÷ stopped", kind, "/s", rates["delivering"], rates["stopped"]),)
