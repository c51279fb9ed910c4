"""The audit trail in the database: chains that show what was done to them, and what is found in them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, insert, select, update

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.db.database import Database
from gateway.db.model import SYSTEM
from gateway.db.paging import PageRequest
from gateway.errors import InvalidInput, NotFound
from gateway.installation import Installation
from gateway.tenants.acting import act, act_for_system
from gateway.tenants.audit import Actor, ActorKind
from gateway.tenants.audit_trail.examination import ChainState, examine_chains
from gateway.tenants.audit_trail.models import AuditHead, AuditIsAppendOnly, AuditRow
from gateway.tenants.audit_trail.search import AuditSearch, AuditSummary, find_audit, show_audit
from gateway.tenants.models import DEFAULT_TENANT_ID
from tests.services.acting import TESTER, add_tenant, installation_on


@pytest.fixture
def fake_clock() -> FakeClock:
    # Ids follow the machine's clock, and times are looked for through them.
    return FakeClock(datetime.now(UTC))


KEY = Actor(ActorKind.API_KEY, "ci", "key_1", "192.0.2.7")


@pytest.fixture
def installation(settings: Settings, fake_clock: FakeClock) -> Iterator[Installation]:
    with Installation(settings, clock=fake_clock) as made:
        yield made


def write(installation: Installation, *actions: str, actor: Actor = TESTER, tenant: str = "default") -> None:
    """One transaction with an entry for each action."""
    with act(installation, actor=actor, tenant=tenant, write=True, request_id="req_1") as acting:
        for action in actions:
            acting.audit(action, f"id of {action}", "name", before={"a": 1}, after={"a": 2})


def found(installation: Installation, **wanted: object) -> list[AuditSummary]:
    with act_for_system(installation, actor=TESTER) as acting:
        return list(find_audit(acting, AuditSearch(**wanted), PageRequest()).rows)  # type: ignore[arg-type]


def states(database: Database) -> dict[str, ChainState]:
    """Each chain, looked at in batches smaller than it."""
    return {one.tenant_id: one for one in examine_chains(database, batch_rows=2)}


def test_an_entry_says_who_did_what_to_what_when_and_from_where(
    installation: Installation, fake_clock: FakeClock
) -> None:
    write(installation, "source.added", actor=KEY)
    [entry] = found(installation)
    assert (entry.actor_kind, entry.actor_name, entry.actor_id) == (ActorKind.API_KEY, "ci", "key_1")
    assert (entry.address, entry.request_id, entry.tenant) == ("192.0.2.7", "req_1", "default")
    assert (entry.action, entry.object_id, entry.object_name) == ("source.added", "id of source.added", "name")
    assert (entry.before, entry.after, entry.number) == ({"a": 1}, {"a": 2}, 1)
    assert entry.at == installation.now()
    with act(installation, actor=TESTER) as acting:
        assert show_audit(acting, entry.id) == entry
        with pytest.raises(NotFound):
            show_audit(acting, "aud_none")


def test_a_tenant_sees_its_own_and_whoever_acts_for_none_sees_all(
    installation: Installation, database: Database, fake_clock: FakeClock
) -> None:
    other = add_tenant(database, fake_clock, "acme")
    write(installation, "source.added", tenant="acme")
    write(installation, "source.changed")
    with act_for_system(installation, actor=TESTER, write=True) as acting:
        acting.audit("encryption_key.forgotten", "k1")
        acting.audit("tenant.added", other, "acme", tenant_id=other)
    # Of one transaction the chains come one after the other.
    assert [(one.action, one.tenant) for one in found(installation)] == [
        ("tenant.added", "acme"),
        ("encryption_key.forgotten", None),
        ("source.changed", "default"),
        ("source.added", "acme"),
    ]
    with act(installation, actor=TESTER, tenant="acme") as acting:
        page = find_audit(acting, AuditSearch(), PageRequest())
        foreign = found(installation, action="source.changed")[0].id
        assert [one.action for one in page.rows] == ["tenant.added", "source.added"]
        with pytest.raises(NotFound):
            show_audit(acting, foreign)
    assert {one.entries for one in states(database).values()} == {1, 2}


def test_filters_and_pages(installation: Installation, fake_clock: FakeClock) -> None:
    start = installation.now()
    write(installation, "source.added")
    fake_clock.advance(3600)
    write(installation, "source.changed", "source_x.changed", actor=KEY)
    assert [one.action for one in found(installation, actor="ci")] == ["source_x.changed", "source.changed"]
    assert [one.action for one in found(installation, actor="key_1", action="source.*")] == ["source.changed"]
    assert [one.action for one in found(installation, action="source.added")] == ["source.added"]
    assert [one.action for one in found(installation, object="id of source.added")] == ["source.added"]
    assert len(found(installation, object="name")) == 3
    assert found(installation, object="nam") == []
    later = start + timedelta(minutes=30)
    assert [one.action for one in found(installation, until=later)] == ["source.added"]
    assert len(found(installation, since=later)) == 2
    with act(installation, actor=TESTER) as acting:
        first = find_audit(acting, AuditSearch(), PageRequest(2))
        rest = find_audit(acting, AuditSearch(), PageRequest(2, first.next_cursor))
        assert [one.number for one in (*first.rows, *rest.rows)] == [3, 2, 1]
        assert rest.next_cursor is None
        with pytest.raises(InvalidInput):
            find_audit(acting, AuditSearch(), PageRequest(2, "bm9uZQ"))


def change(column: str, value: object) -> Callable[[Database], None]:
    def apply(database: Database) -> None:
        with database.write() as connection:
            connection.execute(update(AuditRow).where(AuditRow.number == 3).values({column: value}))

    return apply


def remove(*numbers: int) -> Callable[[Database], None]:
    def apply(database: Database) -> None:
        with database.write() as connection:
            connection.execute(delete(AuditRow).where(AuditRow.number.in_(numbers)))

    return apply


def swap(database: Database) -> None:
    with database.write() as connection:
        for before, after in ((2, 99), (3, 2), (99, 3)):
            connection.execute(update(AuditRow).where(AuditRow.number == before).values(number=after))


def cut(database: Database) -> None:
    """Who cuts the end off and pulls the head back makes a shorter chain, but for the hash."""
    remove(5)(database)
    with database.write() as connection:
        connection.execute(update(AuditHead).values(count=4))


def behead(database: Database) -> None:
    with database.write() as connection:
        connection.execute(delete(AuditHead))


def append(database: Database) -> None:
    with database.write() as connection:
        row = connection.execute(select(*AuditRow.__table__.c).where(AuditRow.number == 5)).one()
        connection.execute(insert(AuditRow).values(row._asdict() | {"id": "aud_new", "number": 6}))


def test_what_was_done_to_a_chain_is_seen(installation: Installation, database: Database) -> None:
    faults = {
        "entry 3 (": [
            change(column, value)
            for column, value in {
                "action": "source.removed",
                "actor_name": "somebody else",
                "actor_kind": "system",
                "actor_id": "key_2",
                "address": None,
                "at": installation.now() + timedelta(microseconds=1),
                "request_id": None,
                "object_id": "src_2",
                "object_name": None,
                "before": "{}",
                "after": '{"a":3}',
                "id": "aud_other",
                "hash": b"x" * 32,
            }.items()
        ],
        "entry 2 is missing": [remove(2)],
        "entry 1 is missing, and what follows up to entry 5": [remove(1, 2, 3, 4, 5)],
        "entry 4 is missing, and what follows up to entry 5": [remove(4, 5)],
        "entry 5 is missing, and what follows up to entry 5": [remove(5)],
        "entry 2 (": [swap],
        "entry 4 (": [cut],
        "the head of the chain is missing": [behead],
        "entry 6 stands behind the end of the chain": [append],
    }
    for expected, ways in faults.items():
        for spoil in ways:
            with database.write() as connection:
                connection.execute(delete(AuditRow))
                connection.execute(delete(AuditHead))
            for number in range(5):
                write(installation, f"thing.changed_{number}", actor=KEY)
            assert states(database)[DEFAULT_TENANT_ID] == ChainState(DEFAULT_TENANT_ID, 5, found(installation)[0].hash)
            spoil(database)
            fault = states(database)[DEFAULT_TENANT_ID].fault
            assert fault is not None, expected
            assert fault.startswith(expected), fault


def test_a_broken_chain_leaves_the_others(
    installation: Installation, database: Database, fake_clock: FakeClock
) -> None:
    other = add_tenant(database, fake_clock, "acme")
    for tenant in ("default", "acme"):
        write(installation, "a.b", "a.c", tenant=tenant)
    with database.write() as connection:
        connection.execute(update(AuditRow).where(AuditRow.tenant_id == other).values(action="a.x"))
    found_states = states(database)
    assert found_states[DEFAULT_TENANT_ID].fault is None
    assert (found_states[other].fault or "").startswith("entry 1 (")


def test_many_at_once_make_one_chain_and_nobody_waits_for_ever(database: Database, fake_clock: FakeClock) -> None:
    other = add_tenant(database, fake_clock, "acme")
    installation = installation_on(database)
    start = threading.Barrier(4)

    def work(number: int) -> None:
        start.wait()
        for turn in range(10):
            with act_for_system(installation, actor=TESTER, write=True) as acting:
                # Each names the chains in another order.
                chains: list[str | None] = [DEFAULT_TENANT_ID, other, None]
                for chain in chains[number % 3 :] + chains[: number % 3]:
                    acting.audit(f"a.b{turn}", "id", tenant_id=chain)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert {id_: (one.entries, one.fault) for id_, one in states(database).items()} == dict.fromkeys(
        (DEFAULT_TENANT_ID, other, SYSTEM), (40, None)
    )


def test_what_is_written_during_an_examination_is_no_fault(installation: Installation, database: Database) -> None:
    write(installation, "a.b", "a.c", "a.d")
    examination = examine_chains(database, batch_rows=1)
    write(installation, "a.e")
    assert [one.fault for one in examination] == [None]


def test_code_cannot_change_or_remove_an_entry(installation: Installation, database: Database) -> None:
    write(installation, "a.b")

    def change_it() -> None:
        with database.system_session(write=True) as session:
            session.scalars(select(AuditRow)).one().action = "a.c"

    def remove_it() -> None:
        with database.system_session(write=True) as session:
            session.delete(session.scalars(select(AuditRow)).one())
            session.flush()

    def remove_all() -> None:
        with database.tenant_session(DEFAULT_TENANT_ID, write=True) as session:
            session.execute(delete(AuditRow))

    def change_all() -> None:
        with database.system_session(write=True) as session:
            session.execute(update(AuditRow).values(action="a.c"))

    for way in (change_it, remove_it, remove_all, change_all):
        with pytest.raises(AuditIsAppendOnly):
            way()
    assert [one.action for one in found(installation)] == ["a.b"]


def test_a_transaction_that_changes_nothing_touches_no_chain(installation: Installation, database: Database) -> None:
    with act(installation, actor=TESTER, write=True):
        pass
    assert states(database) == {}
