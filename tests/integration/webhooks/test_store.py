"""Storing submissions with proofs: each once, whoever writes at the same time, and with its events or not at all."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.synchronize import Barrier
from typing import Any

import pytest
from sqlalchemy import Connection, func, select, text

from gateway.db.database import Database
from gateway.db.writing.group_commit import GroupCommit
from gateway.delivery.models import Delivery, DeliveryState
from gateway.delivery.queue.enqueue import DeliveryRow
from gateway.events.append import Appended, EventRow
from gateway.events.models import Event
from gateway.security.identifiers import new_id
from gateway.tenants.models import DEFAULT_TENANT_ID
from gateway.webhooks.proofs.models import AcceptedProof
from gateway.webhooks.proofs.proof import proof_of
from gateway.webhooks.receive.entry import Entry, Receipt, Submission, submission_bytes
from gateway.webhooks.receive.store import store_submissions
from gateway.webhooks.verification import SignedText

pytestmark = pytest.mark.pooled

NOW_US = 1_795_171_821_000_000
REPLAYS, PROOFS = 60, 3
AWKWARD = ('"', "\\", '\\"', "a,b", "{}", "NULL", "", " x ", "'", "é\U0001f600", "\n\t", '{"a": ["b"]}', "%s", "usual")


def _event(key: str | None, body: bytes) -> EventRow:
    return EventRow(
        id=new_id("evt"),
        tenant_id=DEFAULT_TENANT_ID,
        source_id="src_1",
        source="github",
        provider="github",
        type="push",
        dedupe_key=key,
        received_at=NOW_US,
        request_id="req_1",
        method="POST",
        url="https://gw.example.com/webhooks/github",
        content_type="application/json",
        body_bytes=len(body),
        headers=b"[]",
        body=body,
    )


def _delivery(event: EventRow) -> DeliveryRow:
    return DeliveryRow(
        id=new_id("dlv"),
        tenant_id=event.tenant_id,
        event_id=event.id,
        destination_id="dst_1",
        route_id=None,
        state=DeliveryState.PENDING,
        ordering_key=None,
        next_attempt_at=NOW_US,
        created_at=NOW_US,
        finished_at=None,
        reason=None,
        detail=None,
        payload=None,
    )


def submission(signed: bytes | None, *keys: str | None, body: bytes = b"{}", follow_up: bool = False) -> Submission:
    """One with an event for each key, each with a delivery. `signed` None: without a proof."""
    events = [_event(key, body) for key in keys]
    follow_ups = (Entry(_event(None, b"{}"), ()),) if follow_up else ()
    entries = tuple(Entry(event, (_delivery(event),), follow_ups) for event in events)
    if signed is None:
        return Submission(entries, 0.0)
    return Submission(entries, 0.0, proof_of(SignedText((signed,)), events, body, expires_at_us=NOW_US))


def store(database: Database, *submissions: Submission) -> Sequence[Receipt]:
    with database.write() as connection:
        return store_submissions(connection, submissions)


def _count(database: Database, model: type[Event | Delivery | AcceptedProof]) -> int:
    with database.system_session() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def _accepted(one: Submission) -> Receipt:
    return Receipt(tuple(Appended(event.id, False) for event in one.events))


def _duplicate(of: Submission) -> Receipt:
    return Receipt(tuple(Appended(event.id, True) for event in of.events))


# With an event of our own that follows, PostgreSQL takes several statements instead of one.
@pytest.mark.parametrize("follow_up", [False, True])
def test_repeats_and_replays_in_one_transaction_and_in_another(database: Database, follow_up: bool) -> None:
    first, plain = submission(b"text", "a", "b", follow_up=follow_up), submission(None, None)
    repeat, replay = submission(b"text", "a", "b"), submission(b"text", "a", "c")
    known = submission(b"other text", "a")
    told = [_duplicate(of=first), Receipt((), replayed=first.events[0].id)]
    assert store(database, first, plain, repeat, replay) == [_accepted(first), _accepted(plain), *told]
    assert store(database, repeat, replay) == told
    assert store(database, known) == [Receipt((Appended(first.events[0].id, True),))]
    assert (_count(database, Delivery), _count(database, AcceptedProof)) == (3, 2)
    assert _count(database, Event) == 3 + follow_up


@pytest.mark.parametrize("follow_up", [False, True])
def test_a_transaction_may_be_repeated_when_its_outcome_is_unknown(database: Database, follow_up: bool) -> None:
    both = submission(b"1", "a"), submission(b"2", None, "b", follow_up=follow_up)
    assert store(database, *both) == store(database, *both) == [_accepted(one) for one in both]
    assert (_count(database, Delivery), _count(database, AcceptedProof)) == (3, 2)


def test_without_keys_equal_events_are_one_and_others_are_told_apart(database: Database) -> None:
    first = submission(b"text", None)
    other = submission(b"text", None, body=b"[]")
    assert store(database, first, submission(b"text", None), other) == [
        _accepted(first),
        _duplicate(of=first),
        Receipt((), replayed=first.events[0].id),
    ]


def test_every_text_is_stored_as_it_is_and_nothing_where_there_is_none(database: Database) -> None:
    written = [_entry_of(number, text) for number, text in enumerate(AWKWARD)]
    submissions = [Submission((entry,), 0.0) for entry in written]
    for alone in submissions[:5]:
        store(database, alone)
    store(database, *submissions[5:])
    with database.read() as connection:
        for event, deliveries, *_ in written:
            assert _stored(connection, "events", event) == event
            for row in deliveries:
                assert _stored(connection, "deliveries", row, ", scheduled_at") == (*row, row.created_at)


def _stored(connection: Connection, table: str, row: EventRow | DeliveryRow, further: str = "") -> tuple[Any, ...]:
    columns = ", ".join(row._fields) + further
    return tuple(connection.execute(text(f"SELECT {columns} FROM {table} WHERE id = :id"), {"id": row.id}).one())


def _entry_of(number: int, said: str) -> Entry:
    """With a delivery of which everything is said, and one of which no more than usual."""
    event = _event(f"{number}{said}", said.encode())
    event = event._replace(type=said, url=said, content_type=said if number % 2 else None)
    dead = _delivery(event)._replace(ordering_key=said, finished_at=NOW_US, reason=said, detail=said, payload=b'"\\')
    return Entry(event, (_delivery(event), dead) if number % 3 else (_delivery(event),))


def test_a_poisoned_event_takes_its_proof_along_and_nobody_elses(database: Database) -> None:
    commits = GroupCommit(database, store_submissions, size_of=submission_bytes, gather_seconds=0.5)
    good = [submission(b"%d" % number, f"good-{number}") for number in range(4)]
    bad = submission(b"bad", "bad")
    poisoned = bad._replace(entries=tuple(entry._replace(event=_poisoned(entry.event)) for entry in bad.entries))
    pendings = [commits.submit(one) for one in (*good[:2], poisoned, *good[2:])]
    for pending, one in zip((*pendings[:2], *pendings[3:]), good, strict=True):
        assert pending.result(20) == _accepted(one)
    with pytest.raises(Exception, match=r"(?i)null"):
        pendings[2].result(20)
    assert commits.submit(bad).result(20) == _accepted(bad)
    commits.close()


def _poisoned(event: EventRow) -> EventRow:
    poison: Any = None
    return event._replace(method=poison)


class _Together:
    barrier: Barrier

    @classmethod
    def begin(cls, barrier: Barrier) -> None:
        cls.barrier = barrier


def _send(database_url: str, number: int) -> list[bool]:
    """In a process of its own: replays of a few proofs, each under a key of its own; whether each was accepted.

    The two processes come with the proofs in opposite orders.
    """
    database = Database.open(database_url)
    commits = GroupCommit(database, store_submissions, size_of=submission_bytes)
    _Together.barrier.wait(30)
    texts = [b"%d" % (at % PROOFS) for at in range(REPLAYS)]
    ordered = reversed(texts) if number else texts
    pendings = [commits.submit(submission(text, f"{number}-{at}")) for at, text in enumerate(ordered)]
    receipts = [pending.result(30) for pending in pendings]
    commits.close()
    database.close()
    assert {len(one.appended) for one in receipts} <= {0, 1}
    return [one.replayed is None for one in receipts]


def test_of_equal_replays_by_two_processes_exactly_one_is_accepted(database: Database, database_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, context, _Together.begin, [context.Barrier(2)]) as pool:
        accepted = [one for some in pool.map(_send, [database_url] * 2, range(2)) for one in some]
    assert (len(accepted), accepted.count(True)) == (2 * REPLAYS, PROOFS)
    assert _count(database, Event) == _count(database, Delivery) == _count(database, AcceptedProof) == PROOFS
