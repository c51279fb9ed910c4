"""From receipt to delivery at 100 events a second: from the sender's send to the sink's receipt, on one clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace

from benchmarks.load import percentile
from benchmarks.options import Options, progress, workplace
from benchmarks.processes import BenchmarkFailed, Children, run_load
from benchmarks.report import Row, Target
from benchmarks.servers import GatewayUnderTest, Sink, gateway_under_test, start_sink

EVENTS_PER_SECOND = 100
PERCENTILES = {"p50": (50, None), "p95": (95, Target(30, at_most=True)), "p99": (99, None)}


def measure(options: Options) -> list[Row]:
    """Rows for every database."""
    return [row for kind in options.databases for row in _measure(kind, options)]


def _measure(kind: str, options: Options) -> Sequence[Row]:
    with workplace() as (outer, directory), ExitStack() as databases:
        sink = start_sink(outer, directory, keeps_arrivals=True)
        subject = databases.enter_context(gateway_under_test("gateway", kind, directory, sink.url))
        samples = waits_ms(subject, sink, options)
    return [
        Row(f"receipt to delivery, {EVENTS_PER_SECOND}/s, {name}", kind, "ms", samples[name], target=target)
        for name, (_, target) in PERCENTILES.items()
    ]


def waits_ms(subject: GatewayUnderTest, sink: Sink, options: Options) -> Mapping[str, Sequence[float]]:
    """The percentiles of each run, by name: of a new web server and one new worker."""
    samples: dict[str, list[float]] = {name: [] for name in PERCENTILES}
    with Children() as children:
        web = subject.start_web(children, workers=options.workers)
        worker = subject.start_worker(children)
        profile = web.ingest_profile(seconds=options.seconds, connections=8)
        profile = replace(profile, rate_per_second=EVENTS_PER_SECOND, keep_sends=True)
        run_load(children, replace(profile, seconds=1.0))
        subject.await_delivered(worker)
        for number in range(options.runs):
            sink.reset()
            sends = run_load(children, profile).sends
            subject.await_delivered(worker)
            arrivals = sink.arrivals()
            if arrivals.keys() != sends.keys():
                raise BenchmarkFailed(f"{len(sends)} events were sent, {len(arrivals)} of them arrived")
            waits = sorted((arrivals[key] - sent_at) * 1000 for key, sent_at in sends.items())
            for name, (percent, _) in PERCENTILES.items():
                samples[name].append(percentile(waits, percent))
            told = ", ".join(f"{name} {values[-1]:.0f} ms" for name, values in samples.items())
            progress(f"latency {subject.name} run {number + 1}: {told} of {len(waits)} events")
    return samples
