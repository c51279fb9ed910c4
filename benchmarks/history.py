"""Whether cost grows with history: ingest and delivery with a million finished events in the tables, against 1 000."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks.databases import settle
from benchmarks.delivery import delivery_rate
from benchmarks.history_filler import fill_history
from benchmarks.ingest import WARM_UP_SECONDS, GatewayIngest
from benchmarks.options import Options, progress, workplace
from benchmarks.processes import Children
from benchmarks.report import Row, Target
from benchmarks.servers import gateway_under_test, start_sink

SMALL_ROWS = 1_000
TARGET = Target(0.85)


def measure(options: Options) -> list[Row]:
    """Rows for every database."""
    return [row for kind in options.databases for row in _measure(kind, options)]


def _measure(kind: str, options: Options) -> Sequence[Row]:
    with workplace() as (outer, directory), ExitStack() as databases:
        sink = start_sink(outer, directory)
        subjects = {}
        for name, rows in (("small", SMALL_ROWS), ("large", options.rows)):
            subjects[name] = subject = databases.enter_context(gateway_under_test(name, kind, directory, sink.url))
            fill_history(subject, rows, body_bytes=options.history_body_bytes)
            settle(subject.database_url)
            progress(f"history {kind}: {rows} finished events of {options.history_body_bytes} bytes in {name}")
        claims: dict[str, list[float]] = {"small": [], "large": []}
        for number in range(options.runs):
            for name, subject in subjects.items():
                claims[name].append(delivery_rate(subject, sink, options.deliveries))
            progress(f"history {kind} delivery {number + 1}: " + _last(claims))
        children = databases.enter_context(Children())
        already = {"small": SMALL_ROWS, "large": options.rows}
        gateways = {name: GatewayIngest(children, subject, options) for name, subject in subjects.items()}
        rates: dict[str, list[float]] = {"small": [], "large": []}
        for name, gateway in gateways.items():
            gateway.assume(already[name] + options.runs * options.deliveries)
            gateway.run(WARM_UP_SECONDS)
        for number in range(options.runs):
            for name, gateway in gateways.items():
                rates[name].append(gateway.run(options.seconds).rate)
            progress(f"history {kind} ingest {number + 1}: " + _last(rates))
    million = f"{options.rows:,}".replace(",", " ")
    return (
        Row(f"ingest, {million} events ÷ 1 000", kind, "/s", rates["large"], rates["small"], TARGET),
        Row(f"claim and deliver, {million} events ÷ 1 000", kind, "/s", claims["large"], claims["small"], TARGET),
    )


def _last(rates: dict[str, list[float]]) -> str:
    return ", ".join(f"{name} {samples[-1]:.0f}/s" for name, samples in rates.items())
