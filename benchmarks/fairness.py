"""How long one tenant's delivery waits while another tenant has many thousands due, over many destinations; and how
long two hundred destinations wait for one delivery each while another one has as many due.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace

from benchmarks.databases import count_rows, settle
from benchmarks.options import Options, progress, workplace
from benchmarks.processes import BenchmarkFailed, Children
from benchmarks.queue_filler import queue_deliveries, queue_one_each
from benchmarks.report import Row, Target
from benchmarks.servers import GatewayUnderTest, gateway_under_test, start_sink
from gateway.config import Settings
from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.destinations.management import add_destination
from gateway.installation import Installation
from gateway.tenants.acting import act, act_for_system
from gateway.tenants.audit import Actor, ActorKind
from gateway.tenants.management import create_tenant

DESTINATIONS = 50
TARGET = Target(2000, at_most=True)
OTHERS = 200
WORKERS = 3
BUSY_SECONDS = 1.0
"""How long the backlog has been worked on when what is measured becomes due."""
TIMEOUT_SECONDS = 60.0
ACTOR = Actor(ActorKind.SYSTEM, "benchmarks")


def measure(options: Options) -> list[Row]:
    """Rows for every database."""
    return [measured(kind, options) for kind in options.databases for measured in (_tenants, _one_destination)]


def _one_destination(kind: str, options: Options) -> Row:
    with workplace() as (outer, directory), ExitStack() as databases:
        busy, quiet = start_sink(outer, directory), start_sink(outer, directory)
        subject = databases.enter_context(gateway_under_test("gateway", kind, directory, busy.url))
        others = _others(subject, quiet.url)
        waits: list[float] = []
        for number in range(options.runs):
            queue_deliveries(subject, options.backlog - _unfinished(subject))
            settle(subject.database_url)
            quiet.reset()
            busy.reset()
            with Children() as children:
                workers = [subject.start_worker(children, number=worker) for worker in range(WORKERS)]
                _await(lambda: busy.count() > 0, workers[0].require_alive)
                time.sleep(BUSY_SECONDS)
                queue_one_each(others)
                due_at = time.monotonic()
                _await(lambda: quiet.count() >= OTHERS, workers[0].require_alive)
                waits.append((quiet.last_at() - due_at) * 1000)
                left = _unfinished(subject)
                progress(f"fairness {kind} run {number + 1}: {waits[-1]:.0f} ms for all beside {left} that are due")
        figure = f"the last of {OTHERS} destinations with one each beside {options.backlog} of one, {WORKERS} workers"
        return Row(figure, kind, "ms", waits, target=TARGET)


def _others(subject: GatewayUnderTest, url: str) -> Sequence[GatewayUnderTest]:
    """The installation as seen by each of many destinations."""
    with (
        Installation(_settings(subject)) as opened,
        act(opened, actor=ACTOR, write=True) as acting,
    ):
        made = [add_destination(acting, DestinationDraft(f"other{number}", url)) for number in range(OTHERS)]
    return [replace(subject, destination_id=one.destination.id) for one in made]


def _tenants(kind: str, options: Options) -> Row:
    with workplace() as (outer, directory), ExitStack() as databases:
        # One for the backlog and one for the other tenant, so that it is seen which of them was reached.
        busy, quiet = start_sink(outer, directory), start_sink(outer, directory)
        subject = databases.enter_context(gateway_under_test("gateway", kind, directory, busy.url))
        backlog, other = _destinations(subject, busy.url, quiet.url)
        waits: list[float] = []
        for number in range(options.runs):
            while (missing := options.backlog - _unfinished(subject)) > 0:
                for one in backlog:
                    queue_deliveries(one, -(-missing // DESTINATIONS))
            settle(subject.database_url)
            quiet.reset()
            busy.reset()
            with Children() as children:
                worker = subject.start_worker(children)
                _await(lambda: busy.count() > 0, worker.require_alive)
                time.sleep(BUSY_SECONDS)
                due_at = time.monotonic()
                queue_deliveries(other, 1)
                _await(lambda: quiet.count() > 0, worker.require_alive)
                waits.append((quiet.first_at() - due_at) * 1000)
                progress(
                    f"fairness {kind} run {number + 1}: {waits[-1]:.0f} ms beside {_unfinished(subject)} that are due"
                )
        return Row(f"a delivery beside {options.backlog} of another tenant", kind, "ms", waits, target=TARGET)


def _destinations(
    subject: GatewayUnderTest, busy_url: str, quiet_url: str
) -> tuple[Sequence[GatewayUnderTest], GatewayUnderTest]:
    """The installation as seen by each of many destinations, and by one of another tenant."""
    with Installation(_settings(subject)) as opened:
        with act_for_system(opened, actor=ACTOR, write=True) as system:
            tenant = create_tenant(system, "other")
        with act(opened, actor=ACTOR, write=True) as acting:
            made = [
                add_destination(acting, DestinationDraft(f"busy{number}", busy_url)) for number in range(DESTINATIONS)
            ]
        with act(opened, actor=ACTOR, tenant="other", write=True) as acting:
            quiet = add_destination(acting, DestinationDraft("quiet", quiet_url))
    busy = [replace(subject, destination_id=one.destination.id) for one in made]
    return busy, replace(subject, tenant_id=tenant.id, source_id="src_other", destination_id=quiet.destination.id)


def _settings(subject: GatewayUnderTest) -> Settings:
    return Settings(
        database_url=subject.database_url,
        encryption_keys=(subject.variables["GATEWAY_ENCRYPTION_KEYS"],),
        allow_private_destinations=True,
    )


def _unfinished(subject: GatewayUnderTest) -> int:
    return count_rows(subject.database_url, "deliveries", "state IN ('pending', 'leased')")


def _await(has_come: Callable[[], bool], require_alive: Callable[[], None]) -> None:
    ends_at = time.monotonic() + TIMEOUT_SECONDS
    while not has_come():
        require_alive()
        if time.monotonic() > ends_at:
            raise BenchmarkFailed(f"nothing arrived within {TIMEOUT_SECONDS:.0f} s")
        time.sleep(0.02)
