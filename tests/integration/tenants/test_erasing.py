"""Erasing a tenant: amid traffic, killed and gone on with, the default tenant too; and what is left of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import func, select, text, update

from gateway.clock import FakeClock, from_us, to_us
from gateway.config import Settings
from gateway.db.database import Database
from gateway.db.model import SYSTEM
from gateway.db.paging import PageRequest
from gateway.delivery.models import Delivery, DeliveryState
from gateway.errors import NotFound
from gateway.events.append import EventRow, append_events
from gateway.events.models import Event
from gateway.installation import Installation
from gateway.tenant_data.erasing import SETTLED_AFTER, erase_tenant
from gateway.tenant_data.tables import OWNED
from gateway.tenants.acting import SystemActing, act, act_for_system
from gateway.tenants.audit_trail.examination import examine_chains
from gateway.tenants.audit_trail.search import AuditSearch, find_audit
from gateway.tenants.models import DEFAULT_TENANT_ID, Tenant
from gateway.webhooks.proofs.accept import ProofRow, accept_proofs
from gateway.webhooks.sources.draft import SourceDraft
from gateway.webhooks.sources.management import add_source
from tests.services.acting import TESTER, add_tenant
from tests.services.rows import id_at, store_event, store_rejection
from tests.services.waiting import until

COMMAND = str(Path(sys.executable).with_name("gateway"))
MANY = 12_000


@pytest.fixture
def installation(settings: Settings, fake_clock: FakeClock) -> Iterator[Installation]:
    with Installation(settings, clock=fake_clock) as made:
        yield made


def erase(installation: Installation, fake_clock: FakeClock, slug: str) -> dict[str, int]:
    begin = partial(act_for_system, installation, actor=TESTER, write=True)
    *_, gone = erase_tenant(begin, slug, pause=fake_clock.advance)
    return dict(gone)


def count(database: Database, table: str) -> int:
    with database.read() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def furnish(installation: Installation, tenant_id: str, slug: str) -> None:
    """Some of everything that traffic leaves."""
    database, at = installation.database, installation.now()
    with act(installation, actor=TESTER, tenant=slug, write=True) as acting:
        add_source(acting, SourceDraft("github", "github", credentials={"secret": "hunter2-hunter2"}))
    for state in (DeliveryState.DEAD, DeliveryState.PENDING):
        event_id = store_event(database, at, states=[state] * 2, tenant_id=tenant_id, attempts=3)
        with database.write() as connection:
            accept_proofs(connection, [ProofRow(os.urandom(16), b"e" * 16, event_id, to_us(at))])
    store_rejection(database, at, tenant_id=tenant_id)


def test_what_is_gone_what_is_told_and_what_is_left(
    installation: Installation, database: Database, fake_clock: FakeClock
) -> None:
    tenant_id = add_tenant(database, fake_clock, "acme")
    for id_, slug in ((tenant_id, "acme"), (DEFAULT_TENANT_ID, "default")):
        furnish(installation, id_, slug)
    gone = erase(installation, fake_clock, "acme")
    assert gone == {
        "accepted_proofs": 2,
        "rejections": 1,
        "attempts": 12,
        "deliveries": 4,
        "events": 2,
        "source_credentials": 1,
        "sources": 1,
        "audit_entries": 1,
        "audit_heads": 1,
    }
    assert {table: count(database, table) for table in gone} == gone | {"audit_entries": 3, "audit_heads": 2}
    with act_for_system(installation, actor=TESTER) as acting:
        ended, began, kept = find_audit(acting, AuditSearch(), PageRequest()).rows
    assert (began.action, ended.action, ended.tenant, kept.tenant) == (
        "tenant.erasing",
        "tenant.erased",
        None,
        "default",
    )
    assert (ended.object_id, ended.object_name, dict(ended.after)) == (tenant_id, "acme", gone)
    assert {one.tenant_id: one.fault for one in examine_chains(database)} == {DEFAULT_TENANT_ID: None, SYSTEM: None}
    with pytest.raises(NotFound):
        erase(installation, fake_clock, "acme")
    add_tenant(database, fake_clock, "acme")
    assert erase(installation, fake_clock, "acme") == {}


def test_of_the_default_tenant_the_row_stays_as_new(
    installation: Installation, database: Database, fake_clock: FakeClock
) -> None:
    furnish(installation, DEFAULT_TENANT_ID, "default")
    with database.system_session(write=True) as session:
        tenant = session.get(Tenant, DEFAULT_TENANT_ID)
        assert tenant is not None
        tenant.limits, tenant.return_origins, tenant.suspended_at = {"sources": 1}, ["https://a.example"], from_us(1)
    assert erase(installation, fake_clock, "default")["events"] == 2
    with act(installation, actor=TESTER) as acting:
        tenant_now = acting.tenant
    assert (tenant_now.state, tenant_now.limits.sources, tenant_now.return_origins) == ("active", None, ())
    furnish(installation, DEFAULT_TENANT_ID, "default")


def test_what_comes_in_late_goes_too(installation: Installation, database: Database, fake_clock: FakeClock) -> None:
    """A process that has not yet seen the mark stores an event, an attempt and a rejection behind the tables' backs."""
    tenant_id = add_tenant(database, fake_clock, "acme")
    began = installation.now()
    late = []

    def pause(seconds: float) -> None:
        if not late:
            late.append(store_event(database, began, tenant_id=tenant_id, states=[DeliveryState.LEASED], attempts=1))
            store_rejection(database, began, tenant_id=tenant_id)
        fake_clock.advance(seconds)

    begin = partial(act_for_system, installation, actor=TESTER, write=True)
    *_, gone = erase_tenant(begin, "acme", pause=pause)
    assert gone == {"events": 1, "deliveries": 1, "attempts": 1, "rejections": 1}
    assert installation.now() - began >= SETTLED_AFTER
    assert [count(database, table) for table in ("events", "deliveries", "attempts", "rejections")] == [0] * 4


def test_what_is_being_tried_stays_until_its_worker_has_written_down_what_came_of_it(
    installation: Installation, database: Database, fake_clock: FakeClock
) -> None:
    tenant_id = add_tenant(database, fake_clock, "acme")
    store_event(database, installation.now(), tenant_id=tenant_id, states=[DeliveryState.LEASED] * 2, attempts=1)
    lease_ends_at = installation.now() + timedelta(seconds=25)
    with database.write() as connection:
        connection.execute(update(Delivery).values(lease_expires_at=lease_ends_at, lease_token="worker"))
    pauses = 0

    def pause(seconds: float) -> None:
        nonlocal pauses
        pauses += 1
        assert count(database, "deliveries") == (2 if pauses < 5 else 1)
        if pauses == 4:
            # One worker comes back with its result, the other one is dead.
            with database.write() as connection:
                first = select(Delivery.id).order_by(Delivery.id).limit(1).scalar_subquery()
                connection.execute(update(Delivery).where(Delivery.id == first).values(state="delivered"))
        fake_clock.advance(seconds)

    begin = partial(act_for_system, installation, actor=TESTER, write=True)
    *_, gone = erase_tenant(begin, "acme", pause=pause)
    assert gone == {"events": 1, "deliveries": 2, "attempts": 2}
    assert installation.now() >= lease_ends_at


def test_what_comes_in_after_the_last_round_is_seen_under_the_lock(
    installation: Installation, database: Database, fake_clock: FakeClock
) -> None:
    tenant_id = add_tenant(database, fake_clock, "acme")
    began, opened = installation.now(), 0
    # Two transactions to mark it, two rounds of one for each table and for proofs, and an end that comes too early.
    last = 2 + 2 * (len(OWNED) + 1) + 2

    def begin() -> AbstractContextManager[SystemActing]:
        nonlocal opened
        opened += 1
        if opened == last:
            assert installation.now() - began >= SETTLED_AFTER
            store_event(database, began, tenant_id=tenant_id)
        return act_for_system(installation, actor=TESTER, write=True)

    *_, gone = erase_tenant(begin, "acme", pause=fake_clock.advance)
    assert opened > last
    assert gone == {"events": 1}
    assert count(database, "events") == 0


def test_it_may_be_left_anywhere_and_goes_on(
    installation: Installation, database: Database, fake_clock: FakeClock
) -> None:
    tenant_id = add_tenant(database, fake_clock, "acme")
    furnish(installation, tenant_id, "acme")
    furnish(installation, DEFAULT_TENANT_ID, "default")
    begin = partial(act_for_system, installation, actor=TESTER, write=True)
    for _ in range(50):
        try:
            # Never further than one transaction.
            next(erase_tenant(begin, "acme", pause=fake_clock.advance, batch_rows=1))
        except NotFound:
            break
    else:
        pytest.fail("it does not come to its end")
    with act_for_system(installation, actor=TESTER) as acting:
        [ended] = find_audit(acting, AuditSearch(action="tenant.erased"), PageRequest()).rows
    assert (ended.after["events"], ended.after["attempts"], ended.after["accepted_proofs"]) == (2, 12, 2)
    assert count(database, "events") == count(database, "accepted_proofs") == 2


def test_it_goes_on_after_a_kill(database: Database, database_url: str, tmp_path: Path) -> None:
    clock = FakeClock()
    tenant_id = add_tenant(database, clock, "acme")
    at = clock.now_us()
    rows = [
        EventRow(
            id_at("evt", from_us(at) + timedelta(seconds=number)), tenant_id, "src", "github", "github", "push", None,
            at, None, "POST", "", None, 2, b"[]", b"{}",
        )
        for number in range(MANY)
    ]  # fmt: skip
    with database.write() as connection:
        append_events(connection, rows)
    store_event(database, from_us(at))
    environment = os.environ | {"GATEWAY_DATABASE_URL": database_url}
    command = [COMMAND, "tenants", "erase", "acme", "--yes", "--json"]

    def left() -> int:
        with database.read() as connection:
            found = connection.execute(select(func.count()).select_from(Event).where(Event.tenant_id == tenant_id))
            return found.scalar_one()

    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL) as process:
        until(lambda: left() < MANY, lambda: f"{left()} events left", every_seconds=0.005)
        process.send_signal(signal.SIGKILL)
    assert 0 < left() < MANY
    with database.system_session() as session:
        tenant = session.get(Tenant, tenant_id)
        assert tenant is not None
        assert tenant.erasing_at is not None
        assert (tenant.erased or {})["events"] == MANY - left()
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    assert f'"events": {MANY}' in done.stdout
    with database.system_session() as session:
        assert session.get(Tenant, tenant_id) is None
    assert count(database, "events") == 1
