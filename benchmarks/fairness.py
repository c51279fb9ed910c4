"""How long one tenant's delivery waits while another tenant has many thousands due, over many destinations."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace

from benchmarks.databases import count_rows, settle
from benchmarks.options import Options, progress, workplace
from benchmarks.processes import BenchmarkFailed, Children
from benchmarks.queue_filler import queue_deliveries
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
BUSY_SECONDS = 1.0
"""How long the backlog has been worked on when the other tenant's delivery becomes due."""
TIMEOUT_SECONDS = 60.0
ACTOR = Actor(ActorKind.SYSTEM, "benchmarks")


def measure(options: Options) -> list[Row]:
    """Rows for every database."""
    return [_measure(kind, options) for kind in options.databases]


def _measure(kind: str, options: Options) -> Row:
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
                _await(busy.count, worker.require_alive)
                time.sleep(BUSY_SECONDS)
                due_at = time.monotonic()
                queue_deliveries(other, 1)
                _await(quiet.count, worker.require_alive)
                waits.append((quiet.first_at() - due_at) * 1000)
                progress(
                    f"fairness {kind} run {number + 1}: {waits[-1]:.0f} ms beside {_unfinished(subject)} that are due"
                )
        return Row(f"a delivery beside {options.backlog} of another tenant", kind, "ms", waits, target=TARGET)


def _destinations(
    subject: GatewayUnderTest, busy_url: str, quiet_url: str
) -> tuple[Sequence[GatewayUnderTest], GatewayUnderTest]:
    """The installation as seen by each of many destinations, and by one of another tenant."""
    settings = Settings(
        database_url=subject.database_url,
        encryption_keys=(subject.variables["GATEWAY_ENCRYPTION_KEYS"],),
        allow_private_destinations=True,
    )
    with Installation(settings) as opened:
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


def _unfinished(subject: GatewayUnderTest) -> int:
    return count_rows(subject.database_url, "deliveries", "state IN ('pending', 'leased')")


def _await(count: Callable[[], int], require_alive: Callable[[], None]) -> None:
    ends_at = time.monotonic() + TIMEOUT_SECONDS
    while not count():
        require_alive()
        if time.monotonic() > ends_at:
            raise BenchmarkFailed(f"nothing arrived within {TIMEOUT_SECONDS:.0f} s")
        time.sleep(0.02)
