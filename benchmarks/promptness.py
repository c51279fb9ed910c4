"""How quickly ingest answers: at half its maximum rate, while clients ask for slow pages or a stranger attacks, one
request at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace

from benchmarks.attack import ATTACKS, BUSY, Attacked, AttackRun
from benchmarks.databases import settle
from benchmarks.ingest import WARM_UP_SECONDS, GatewayIngest
from benchmarks.load import LoadProfile, Result
from benchmarks.options import Options, progress, workplace
from benchmarks.processes import Children, LoadRun, run_load
from benchmarks.report import Row, Target
from benchmarks.servers import gateway_under_test, start_sink

HALF_RATE_TARGET = Target(12.0, at_most=True)
ATTACKED_TARGET = Target(15.0, at_most=True)
BUSY_PAGES_TARGET = Target(2.0, at_most=True)
SINGLE_TARGET = Target(2.0, at_most=True)
PAGE_CLIENTS = 8
PAGE = "/benchmark/events"


def half_rate(options: Options) -> list[Row]:
    """p99 at half the rate that was just measured as the maximum."""
    rows = []
    for kind in options.databases:
        samples = _samples(kind, options, lambda bench: {"half rate": bench.half_rate()})
        rows.append(Row("ingest p99 at half rate", kind, "ms", samples["half rate"], target=HALF_RATE_TARGET))
    return rows


def attacked(options: Options) -> list[Row]:
    """The same while one connection sends each of the attacks; and while a process that has nothing to do with the
    gateway is as busy as the busiest of the attackers, which is no matter of the gateway's.
    """
    rows = []
    for kind in options.databases:
        samples = _samples(kind, options, Promptness.attacked)
        rows.append(Row("ingest p99 at half rate", kind, "ms", samples["quiet"]))
        rows.append(Row("ingest p99, beside a process as busy as an attacker", kind, "ms", samples[BUSY]))
        rows += [
            Row(f"ingest p99, attacked by {name}", kind, "ms", samples[name], target=ATTACKED_TARGET)
            for name in ATTACKS
        ]
    return rows


def busy_pages(options: Options) -> list[Row]:
    """The same while 8 clients list events as fast as they can, against the same without them."""
    rows = []
    for kind in options.databases:
        samples = _samples(kind, options, lambda bench: {"quiet": bench.half_rate(), "busy": bench.busy_pages()})
        name = "ingest p99, 8 clients list events ÷ none"
        rows.append(Row(name, kind, "ms", samples["busy"], samples["quiet"], BUSY_PAGES_TARGET))
    return rows


def single(options: Options) -> list[Row]:
    """p50 of one connection with one request at a time."""
    rows = []
    for kind in options.databases:
        samples = _samples(kind, options, lambda bench: {"single": bench.single()})
        rows.append(Row("ingest p50, one at a time", kind, "ms", samples["single"], target=SINGLE_TARGET))
    return rows


class Promptness:
    """One gateway whose maximum rate is known."""

    def __init__(self, children: Children, gateway: GatewayIngest, options: Options) -> None:
        self._children, self._gateway, self._options = children, gateway, options
        gateway.run(WARM_UP_SECONDS)
        self._maximum = gateway.run(options.seconds).rate
        # What PostgreSQL does by itself within a minute; without, it takes the tables for empty and reads all of them.
        settle(gateway.subject.database_url)

    def half_rate(self) -> float:
        """p99 in milliseconds."""
        return self._measured(replace(self._profile(), rate_per_second=self._maximum / 2)).p99_ms

    def attacked(self) -> dict[str, float]:
        """p99 in milliseconds without an attack, during each of them, and beside a process that is as busy."""
        found, share = {"quiet": self.half_rate()}, 0.0
        for name in ATTACKS:
            found[name], attacked = self._beside(name, self._gateway.web.port)
            share = max(share, attacked.cpu_share)
        found[BUSY], _ = self._beside(BUSY, share)
        return found

    def _beside(self, name: str, port_or_share: float) -> tuple[float, Attacked]:
        seconds = self._options.seconds + 1
        attack = AttackRun(self._children, name, port_or_share, seconds)
        p99_ms = self.half_rate()
        done = attack.result()
        progress(
            f"{name}: {done.sent_bytes / seconds / 1e6:.1f} MB/s over {done.connections / seconds:.0f} connections/s, "
            f"by {done.cpu_share:.0%} of a core"
        )
        return p99_ms, done

    def busy_pages(self) -> float:
        """p99 in milliseconds while the page is asked for."""
        pages = LoadProfile(self._gateway.web.port, PAGE, self._options.seconds, PAGE_CLIENTS, signed=False)
        asking = LoadRun(self._children, pages)
        p99_ms = self.half_rate()
        progress(f"{asking.result().rate:.0f} pages/s beside the ingest")
        return p99_ms

    def single(self) -> float:
        """p50 in milliseconds."""
        return self._measured(replace(self._profile(), connections=1)).p50_ms

    def _profile(self) -> LoadProfile:
        return self._gateway.web.ingest_profile(seconds=self._options.seconds, connections=self._options.connections)

    def _measured(self, profile: LoadProfile) -> Result:
        result = run_load(self._children, profile)
        self._gateway.acknowledged(result.answered)
        return result


def _samples(
    kind: str, options: Options, measure: Callable[[Promptness], dict[str, float]]
) -> dict[str, Sequence[float]]:
    with workplace() as (outer, directory), ExitStack() as databases:
        sink = start_sink(outer, directory)
        subject = databases.enter_context(gateway_under_test("gateway", kind, directory, sink.url))
        children = databases.enter_context(Children())
        bench = Promptness(children, GatewayIngest(children, subject, options), options)
        runs = []
        for number in range(options.runs):
            runs.append(measure(bench))
            shown = ", ".join(f"{name} {value:.1f} ms" for name, value in runs[-1].items())
            progress(f"promptness {kind} run {number + 1}: {shown}")
    return {name: [run[name] for run in runs] for name in runs[0]}
