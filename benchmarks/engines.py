"""The Celery engine against the embedded one, on both brokers: deliveries a second, of one worker and of two; what
announcing costs ingest; how soon a delivery is tried; and jobs a second beside plain Celery.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial

import psutil

from benchmarks import idle_schedules, job_rates
from benchmarks.delivery import delivery_rate
from benchmarks.ingest import WARM_UP_SECONDS, GatewayIngest
from benchmarks.latency import EVENTS_PER_SECOND, waits_ms
from benchmarks.options import Options, progress, workplace
from benchmarks.processes import Children
from benchmarks.report import Row, Target
from benchmarks.servers import GatewayUnderTest, gateway_under_test, start_sink
from tests.services.brokers import rabbitmq_url, redis_broker

BROKERS = ("rabbitmq", "redis")
# The Celery engine is for machines that share a database.
DATABASE = "postgres"
DELIVERY_TARGET = Target(0.85)
ANNOUNCING_TARGET = Target(0.95)
LATENCY_TARGETS = {"p50": Target(15, at_most=True), "p95": Target(50, at_most=True), "p99": None}


@contextmanager
def broker(kind: str) -> Iterator[str]:
    """The URL of an empty one."""
    if kind == "rabbitmq":
        with rabbitmq_url() as url:
            yield url
    else:
        with redis_broker() as server:
            yield server.url


def measure(options: Options) -> list[Row]:
    """The chosen parts, in their order."""
    return [row for part in options.parts for row in PARTS[part](options)]


def _delivery(options: Options) -> list[Row]:
    rows = []
    for kind in options.brokers:
        with workplace() as (children, directory), ExitStack() as stack:
            sink = start_sink(children, directory)
            embedded = stack.enter_context(gateway_under_test("embedded", DATABASE, directory, sink.url))
            celery = _with_broker(embedded, stack.enter_context(broker(kind)), kind)
            rates: dict[str, list[float]] = {"embedded": [], "one": [], "two": []}
            runs: dict[str, Callable[[], float]] = {
                "embedded": partial(delivery_rate, embedded, sink, options.deliveries),
                "one": partial(delivery_rate, celery, sink, options.deliveries),
                "two": partial(delivery_rate, celery, sink, options.deliveries, workers=2),
            }
            for number in range(options.runs):
                for name, run in runs.items():
                    psutil.cpu_percent()
                    rates[name].append(run())
                    told = f"{name} {rates[name][-1]:.0f}/s, cores {psutil.cpu_percent():.0f} % full"
                    progress(f"engines delivery {kind} run {number + 1}: {told}")
        title = f"delivery, Celery on {kind}"
        rows.append(Row(f"{title} ÷ embedded", DATABASE, "/s", rates["one"], rates["embedded"], DELIVERY_TARGET))
        rows.append(Row(f"{title}, two workers ÷ one", DATABASE, "/s", rates["two"], rates["one"]))
    return rows


def _announcing(options: Options) -> list[Row]:
    rows = []
    for kind in options.brokers:
        with workplace() as (outer, directory), ExitStack() as stack:
            sink = start_sink(outer, directory)
            quiet = stack.enter_context(gateway_under_test("without", DATABASE, directory, sink.url))
            other = stack.enter_context(gateway_under_test("with", DATABASE, directory, sink.url))
            telling = _with_broker(other, stack.enter_context(broker(kind)), kind)
            children = stack.enter_context(Children())
            ingests = {
                "without": GatewayIngest(children, quiet, options),
                "with": GatewayIngest(children, telling, options),
            }
            rates: dict[str, list[float]] = {name: [] for name in ingests}
            for ingest in ingests.values():
                ingest.run(WARM_UP_SECONDS)
            for number in range(options.runs):
                for name, ingest in ingests.items():
                    rates[name].append(ingest.run(options.seconds).rate)
                told = ", ".join(f"{name} {values[-1]:.0f}/s" for name, values in rates.items())
                progress(f"engines announcing {kind} run {number + 1}: {told}")
        name = f"ingest, announcing to {kind} ÷ not"
        rows.append(Row(name, DATABASE, "/s", rates["with"], rates["without"], ANNOUNCING_TARGET))
    return rows


def _latency(options: Options) -> list[Row]:
    rows = []
    for kind in (None, *options.brokers):
        with workplace() as (children, directory), ExitStack() as stack:
            sink = start_sink(children, directory, keeps_arrivals=True)
            subject = stack.enter_context(gateway_under_test("embedded", DATABASE, directory, sink.url))
            if kind is not None:
                subject = _with_broker(subject, stack.enter_context(broker(kind)), kind)
            samples = waits_ms(subject, sink, options)
        engine = "embedded" if kind is None else f"Celery on {kind}"
        rows += [
            Row(
                f"receipt to delivery, {EVENTS_PER_SECOND}/s, {engine}, {name}",
                DATABASE,
                "ms",
                samples[name],
                target=target,
            )
            for name, target in LATENCY_TARGETS.items()
        ]
    return rows


def _jobs(options: Options) -> list[Row]:
    return [row for kind in options.brokers for row in job_rates.measure(options, kind, broker)]


def _with_broker(subject: GatewayUnderTest, url: str, kind: str) -> GatewayUnderTest:
    """The same installation, with a broker."""
    variables = subject.variables | {"GATEWAY_BROKER_URL": url}
    return replace(subject, name=f"{subject.name}-{kind}", variables=variables)


PARTS: dict[str, Callable[[Options], Sequence[Row]]] = {
    "delivery": _delivery,
    "announcing": _announcing,
    "latency": _latency,
    "schedules": idle_schedules.measure,
    "jobs": _jobs,
}
