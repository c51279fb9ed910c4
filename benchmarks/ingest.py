"""How many events a second the gateway takes durably: against a hello world as it is ordinarily deployed, and against
one and a naive view on gunicorn tuned as for the gateway. While the worker delivers is the matter of `delivering`, how
quickly that of `promptness`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

from benchmarks.databases import count_rows, empty_database
from benchmarks.load import LoadProfile, Result
from benchmarks.options import Options, progress, workplace
from benchmarks.processes import BenchmarkFailed, Children, run_load
from benchmarks.references import create_tables
from benchmarks.report import Row, Target
from benchmarks.servers import WEBHOOK_PATH, GatewayUnderTest, Web, gateway_under_test, start_reference, start_sink

HELLO = "benchmarks.references:hello()"
WARM_UP_SECONDS = 1.0
HELLO_TARGETS = {"sqlite": Target(1.0), "postgres": Target(0.8)}
TUNED_HELLO_TARGETS = {"sqlite": Target(1.0), "postgres": Target(0.95)}
NAIVE_TARGETS = {"sqlite": Target(3.0), "postgres": Target(2.5)}


class GatewayIngest:
    """One installation's web under load; knows how many events were acknowledged in all."""

    def __init__(self, children: Children, subject: GatewayUnderTest, options: Options) -> None:
        self._children = children
        self._connections = options.connections
        self._acknowledged = 0
        self.subject = subject
        self.web = subject.start_web(children, workers=options.workers)

    def run(self, seconds: float) -> Result:
        """Load for so long. Raises `BenchmarkFailed` unless all was accepted and everything is stored."""
        result = run_load(self._children, self.web.ingest_profile(seconds=seconds, connections=self._connections))
        self.acknowledged(result.answered)
        return result

    def assume(self, events: int) -> None:
        """So many events were stored before the first run."""
        self._acknowledged = events

    def acknowledged(self, events: int) -> None:
        """Count events that were accepted, and compare with the database."""
        self._acknowledged += events
        self.subject.require_rows(self._acknowledged)


class NaiveIngest:
    """The naive view under load."""

    def __init__(self, children: Children, web: Web, database_url: str, options: Options) -> None:
        self._children, self._web, self._database_url = children, web, database_url
        self._connections = options.connections
        self._acknowledged = 0

    def run(self, seconds: float) -> Result:
        """Load for so long. Raises `BenchmarkFailed` unless everything is stored."""
        profile = LoadProfile(self._web.port, WEBHOOK_PATH, seconds, self._connections, expect='"accepted"')
        result = run_load(self._children, profile)
        self._acknowledged += result.answered
        if count_rows(self._database_url, "naive_events") != self._acknowledged:
            raise BenchmarkFailed("the naive view lost rows")
        return result


def measure(options: Options) -> list[Row]:
    """Rows for every database."""
    return [row for kind in options.databases for row in _measure(kind, options)]


def _measure(kind: str, options: Options) -> Sequence[Row]:
    with workplace() as (outer, directory), ExitStack() as databases:
        sink = start_sink(outer, directory)
        subject = databases.enter_context(gateway_under_test("gateway", kind, directory, sink.url))
        naive_url = databases.enter_context(empty_database(kind, directory))
        create_tables(naive_url)
        # Innermost, so that processes end before their databases are dropped.
        children = databases.enter_context(Children())
        gateway = GatewayIngest(children, subject, options)
        app = f"benchmarks.references:naive({naive_url!r})"
        naive_web = start_reference(children, "naive", app, directory, workers=options.workers)
        naive = NaiveIngest(children, naive_web, naive_url, options)
        hellos = {
            name: start_reference(children, name, HELLO, directory, workers=options.workers, is_tuned=is_tuned)
            for name, is_tuned in (("hello", False), ("tuned hello", True))
        }

        def greet(name: str, seconds: float) -> Result:
            profile = LoadProfile(hellos[name].port, "/", seconds, options.connections, signed=False, expect="Hello")
            return run_load(children, profile)

        runs: dict[str, Callable[[float], Result]] = {
            "hello": partial(greet, "hello"),
            "gateway": gateway.run,
            "tuned hello": partial(greet, "tuned hello"),
            "naive": naive.run,
        }
        for run in runs.values():
            run(WARM_UP_SECONDS)
        rates: dict[str, list[float]] = {name: [] for name in runs}
        for number in range(options.runs):
            results = {name: run(options.seconds) for name, run in runs.items()}
            for name, result in results.items():
                rates[name].append(result.rate)
            progress(f"ingest {kind} run {number + 1}: " + ", ".join(map(summary, results.items())))
    return (
        Row("ingest ÷ hello world", kind, "/s", rates["gateway"], rates["hello"], HELLO_TARGETS[kind]),
        Row("ingest ÷ tuned hello", kind, "/s", rates["gateway"], rates["tuned hello"], TUNED_HELLO_TARGETS[kind]),
        Row("ingest ÷ naive view", kind, "/s", rates["gateway"], rates["naive"], NAIVE_TARGETS[kind]),
    )


def summary(named: tuple[str, Result]) -> str:
    """One result in a line of progress."""
    name, result = named
    return f"{name} {result.rate:.0f}/s p99 {result.p99_ms:.1f} ms (load generator {result.cpu_share:.0%} of a core)"
