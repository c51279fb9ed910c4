"""Every statement that writes deliveries agrees with the table of transitions.

The statements are found in the source, so that a new one cannot be forgotten: it fails here until somebody says how it
is carried out. Each is then carried out on deliveries in every state, and the database itself notes what it changed.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.clock import SystemClock, from_us
from gateway.delivery.decisions.policy import Outcome
from gateway.delivery.decisions.transitions import BORN, FORGETTABLE, TRANSITIONS
from gateway.delivery.event_replay.aim import Again, Aim
from gateway.delivery.event_replay.replay import replay_event
from gateway.delivery.forgetting.by_source import purge_by_source
from gateway.delivery.models import DeliveryState
from gateway.delivery.queue.claimed import Claimed
from gateway.delivery.queue.leases import expired, repair_times
from gateway.delivery.retention import Cutoff, OwnRetention, purge_events
from gateway.delivery.retry import RetryFilter as Which
from gateway.delivery.retry import cancel_delivery, cancel_pending, retry_delivery, retry_many
from gateway.delivery.routes.routing import ROUTE_FAILED
from gateway.errors import Conflict, IllegalTransition
from gateway.webhooks.forgetting.forget import forget_some

from .conftest import Queue

GATEWAY = Path(__file__).parents[3] / "gateway"
WRITES = re.compile(r"\b(UPDATE|INSERT\s+INTO|DELETE\s+FROM)\s+deliveries\b")
EVERYTHING = Aim(Again.ALL)
# What the trigger writes where there is no row before, or none after.
NOTHING = ""


def statements() -> set[str]:
    """`module: name` of each place in the source that writes deliveries, by SQL, by SQLAlchemy, or by an attribute."""
    found = set()
    for path in GATEWAY.rglob("*.py"):
        if "migrations" in path.parts:
            continue
        for top in ast.parse(path.read_text(encoding="utf-8")).body:
            if any(_writes(node) for node in ast.walk(top)):
                found.add(f"{path.relative_to(GATEWAY).with_suffix('')}: {_name_of(top)}")
    return found


def _writes(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=str(words)):
            return WRITES.search(words) is not None
        case ast.Call(func=ast.Name(id="update" | "insert" | "delete"), args=[ast.Name(id="Delivery"), *_]):
            return True
        case ast.Call(func=ast.Name(id="Delivery")):
            return True
        case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="delivery"), attr="state")]):
            return True
    return False


def _name_of(top: ast.stmt) -> str:
    match top:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return name
    return f"line {top.lineno}"


class States:
    """Two deliveries in every state: one with an ordering key of its own, one without."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.target = queue.destination(schedule_seconds=(5.0,))
        self.ids: dict[DeliveryState, list[str]] = {}
        self.claimed: list[Claimed] = []
        for state, reach in self._ways().items():
            self.ids[state] = [self._add(key=f"{state}" if is_keyed else None) for is_keyed in (False, True)]
            reach(self.ids[state])

    def all(self) -> list[str]:
        return [id_ for ids in self.ids.values() for id_ in ids]

    def _ways(self) -> dict[DeliveryState, Callable[[Sequence[str]], None]]:
        # What is claimed must not be there yet when others are to be claimed.
        return {
            DeliveryState.DELIVERED: lambda ids: self._finish(ids, Outcome.DELIVERED),
            DeliveryState.DEAD: lambda ids: self._finish(ids, Outcome.HANDLER_PERMANENT_FAILURE),
            DeliveryState.CANCELLED: self._cancel,
            DeliveryState.LEASED: self._claim,
            DeliveryState.PENDING: lambda ids: None,
        }

    def _add(self, key: str | None) -> str:
        (id_,) = self.queue.add(self.target, keys=[key])
        return id_

    def _claim(self, ids: Sequence[str]) -> None:
        claimed = self.queue.claim()
        assert {one.id for one in claimed} == set(ids)
        self.claimed += claimed

    def _finish(self, ids: Sequence[str], outcome: Outcome) -> None:
        self._claim(ids)
        self.queue.report([one for one in self.claimed if one.id in ids], self.queue.result(outcome))

    def _cancel(self, ids: Sequence[str]) -> None:
        for id_ in ids:
            with self.queue.acting() as acting:
                cancel_delivery(acting, id_)


def _claim(states: States) -> None:
    states.queue.claim()


def _record(states: States) -> None:
    """What a worker reports of everything that was ever claimed, however late: all outcomes, and none."""
    for outcome in (None, *Outcome):
        result = None if outcome is None else states.queue.result(outcome)
        states.queue.report(states.claimed, result)
        states.queue.clock.advance(60)
        states.claimed += states.queue.claim(limit=1)


def _end_leases(states: States) -> None:
    states.queue.clock.advance(3600)
    with states.queue.database.write() as connection:
        reports = expired(connection, states.queue.targets, held=(), now_us=states.queue.clock.now_us())
    for report in reports:
        states.queue.report([report.claimed], report.result)


def _repair(states: States) -> None:
    states.queue.clock.jump(-86_400)
    with states.queue.database.write() as connection:
        assert repair_times(connection, now_us=states.queue.clock.now_us())


def _cancel_each(states: States) -> None:
    for id_ in states.all():
        _unless_refused(lambda acting, id_=id_: cancel_delivery(acting, id_), states)


def _cancel_waiting(states: States) -> None:
    cancel_pending(states.queue.acting, states.target.name)


def _replay(states: States) -> None:
    for id_ in states.all():
        _unless_refused(lambda acting, id_=id_: retry_delivery(acting, id_), states)
        _unless_refused(
            lambda acting, id_=id_: replay_event(acting, states.queue.row(id_).event_id, EVERYTHING), states
        )
    retry_many(states.queue.acting, Which(states=frozenset(DeliveryState)))


def _unless_refused(use_case: Callable[..., object], states: States) -> None:
    try:
        with states.queue.acting() as acting:
            use_case(acting)
    except (IllegalTransition, Conflict):
        pass


def _reshape(states: States) -> None:
    """A replay through a route whose filter now turns the event away."""
    with states.queue.acting() as acting:
        route = 'INSERT INTO routes (id, tenant_id, source, event_types, "where", destination_id, created_at) VALUES '
        values = "('rou_1', :tenant, 'github', '[\"*\"]', 'n == `2`', :destination, 0)"
        names = {"tenant": acting.tenant.id, "destination": states.target.id}
        connection = acting.session.connection()
        connection.execute(text(route + values), names)
        connection.execute(text("UPDATE deliveries SET route_id = 'rou_1', reason = :reason"), {"reason": ROUTE_FAILED})
    _replay(states)


def _enqueue(states: States) -> None:
    states.queue.add(states.target, 3, keys=(None, "key"))


def _purge(states: States) -> None:
    later = _later()
    purge = purge_events(states.queue.database, Cutoff(later, later))
    assert sum(purged.deliveries for purged in purge) > 0


def _purge_by_source(states: States) -> None:
    later = _later()
    with states.queue.database.read() as connection:
        (source,) = connection.execute(text("SELECT DISTINCT source_id, tenant_id FROM events")).all()
    cutoff = Cutoff(later, later, own=(OwnRetention(source.source_id, source.tenant_id, later),))
    assert sum(purged.deliveries for purged in purge_by_source(states.queue.database, cutoff)) > 0


def _later() -> datetime:
    # Ids are made by the machine's clock.
    return from_us(SystemClock().now_us()) + timedelta(days=1)


def _forget(states: States) -> None:
    with states.queue.acting() as acting:
        gone = forget_some(acting, [states.queue.row(id_).event_id for id_ in states.all()])
    assert gone.kept == len(states.ids[DeliveryState.LEASED])


PENDING, LEASED, DELIVERED, DEAD, CANCELLED = (str(state) for state in DeliveryState)
CLAIMS = {(PENDING, LEASED)}
RESULTS = {(LEASED, after) for after in (PENDING, DELIVERED, DEAD)}
REPLAYS = {(before, PENDING) for before in (PENDING, DELIVERED, DEAD, CANCELLED)}
# How each is carried out, and what it then changes; on both databases, whichever it is for.
CARRIED_OUT: dict[str, tuple[Callable[[States], None], set[tuple[str, str]]]] = {
    "delivery/queue/enqueue: _POSTGRES_ROWS": (_enqueue, {(NOTHING, PENDING)}),
    "delivery/queue/enqueue: _sqlite_insert": (_enqueue, {(NOTHING, PENDING)}),
    "delivery/queue/claim: _SQLITE_TAKE": (_claim, CLAIMS),
    "delivery/queue/claim: _POSTGRES_TAKE": (_claim, CLAIMS),
    "delivery/queue/claim: _POSTGRES_TAKE_HEADS": (_claim, CLAIMS),
    "delivery/queue/record: _CHANGE": (_record, CLAIMS | RESULTS),
    "delivery/queue/leases: _EXPIRED": (_end_leases, {(LEASED, PENDING)}),
    "delivery/queue/leases: _REPAIR_PENDING": (_repair, set()),
    "delivery/queue/leases: _REPAIR_LEASED": (_repair, set()),
    "delivery/retry: _cancel": (_cancel_each, {(PENDING, CANCELLED), (LEASED, CANCELLED)}),
    "delivery/retry: _cancel_batch": (_cancel_waiting, {(PENDING, CANCELLED)}),
    "delivery/retry: make_pending": (_replay, REPLAYS),
    "delivery/routes/reshape: _reshape": (_reshape, REPLAYS - {(DEAD, PENDING)} | {(DEAD, CANCELLED)}),
    "delivery/retention: purge_judged": (_purge, {(after, NOTHING) for after in (DELIVERED, DEAD, CANCELLED)}),
    "delivery/forgetting/by_source: _purge": (
        _purge_by_source,
        {(after, NOTHING) for after in (DELIVERED, DEAD, CANCELLED)},
    ),
    "webhooks/forgetting/forget: forget_some": (
        _forget,
        {(after, NOTHING) for after in (PENDING, DELIVERED, DEAD, CANCELLED)},
    ),
}
# They write by way of another one, and are carried out for what they ask of it.
BY_WAY_OF_ANOTHER = {
    "delivery/queue/leases: _EXPIRED",
    "delivery/retry: _cancel_batch",
    "delivery/forgetting/by_source: _purge",
    "webhooks/forgetting/forget: forget_some",
}
LEGAL = {(str(before), str(after)) for before, follow in TRANSITIONS.items() for after in follow}
LEGAL |= {(NOTHING, str(state)) for state in BORN}
LEGAL |= {(str(state), NOTHING) for state in FORGETTABLE}


def test_no_statement_is_forgotten() -> None:
    assert statements() == set(CARRIED_OUT) - BY_WAY_OF_ANOTHER


@pytest.fixture
def seen(queue: Queue) -> Callable[[], set[tuple[str, str]]]:
    """What the database saw of changes since the last call."""
    with queue.database.write() as connection:
        connection.execute(text("CREATE TABLE seen (before_state TEXT, after_state TEXT)"))
        for statement in _triggers(is_sqlite=queue.database.is_sqlite):
            connection.exec_driver_sql(statement)

    def ask() -> set[tuple[str, str]]:
        with queue.database.write() as connection:
            found = {(row[0], row[1]) for row in connection.execute(text("SELECT * FROM seen"))}
            connection.execute(text("DELETE FROM seen"))
        return found

    return ask


def _triggers(*, is_sqlite: bool) -> Iterator[str]:
    kinds = {"INSERT": f"'{NOTHING}', NEW.state", "UPDATE OF state": "OLD.state, NEW.state"}
    kinds["DELETE"] = f"OLD.state, '{NOTHING}'"
    for number, (kind, values) in enumerate(kinds.items()):
        note = f"INSERT INTO seen VALUES ({values});"
        if is_sqlite:
            yield f"CREATE TRIGGER seen_{number} AFTER {kind} ON deliveries BEGIN {note} END"
        else:
            body = f"BEGIN {note} RETURN NULL; END"
            yield f"CREATE FUNCTION seen_{number}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$"
            fire = f"FOR EACH ROW EXECUTE FUNCTION seen_{number}()"
            yield f"CREATE TRIGGER seen_{number} AFTER {kind} ON deliveries {fire}"


@pytest.mark.parametrize("carry_out", sorted({one for one, _ in CARRIED_OUT.values()}, key=lambda one: one.__name__))
def test_what_is_carried_out_is_in_the_table(
    queue: Queue, seen: Callable[[], set[tuple[str, str]]], carry_out: Callable[[States], None]
) -> None:
    states = States(queue)
    assert {str(queue.row(id_).state) for id_ in states.all()} == {str(state) for state in DeliveryState}
    assert seen() <= LEGAL
    carry_out(states)
    changed = seen()
    assert changed <= LEGAL, "illegal"
    (wanted,) = {frozenset(changes) for one, changes in CARRIED_OUT.values() if one is carry_out}
    assert changed == wanted, "as declared"


def test_what_holds_a_lease_is_leased_and_nothing_else(queue: Queue) -> None:
    """The guard of what is recorded is the token: it must be there exactly while the delivery is leased."""
    states = States(queue)
    for carry_out in (_claim, _record, _end_leases, _replay, _claim, _cancel_each):
        carry_out(states)
        rows = [queue.row(id_) for id_ in states.all()]
        held = {row.id for row in rows if row.lease_token is not None and row.lease_expires_at is not None}
        assert held == {row.id for row in rows if row.state == DeliveryState.LEASED}


def test_the_table_is_reached() -> None:
    """Each transition of the table is somebody's: one that nobody makes would be a promise without a reason."""
    made = set(itertools.chain.from_iterable(changes for _, changes in CARRIED_OUT.values()))
    assert LEGAL - made == {(NOTHING, DEAD)}, "born dead is routing's part"
