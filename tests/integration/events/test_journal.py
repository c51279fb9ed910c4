"""The journal: events and their duplicates, on both databases."""

from __future__ import annotations

from sqlalchemy import select

from gateway.db.database import Database
from gateway.events.append import Appended, EventRow, append_events
from gateway.events.models import Event
from gateway.security.identifiers import new_id
from gateway.tenants.models import DEFAULT_TENANT_ID

BODY = bytes(range(256))


def row(key: str | None, source_id: str = "src_1", **values: object) -> EventRow:
    event = EventRow(
        id=new_id("evt"),
        tenant_id=DEFAULT_TENANT_ID,
        source_id=source_id,
        source="github",
        provider="github",
        type="push",
        dedupe_key=key,
        received_at=1_795_171_821_000_000,
        request_id="req_1",
        method="POST",
        url="https://gw.example.com/webhooks/github",
        content_type="application/json",
        body_bytes=len(BODY),
        headers=b"[]",
        body=BODY,
    )
    return event._replace(**values)


def append(database: Database, *rows: EventRow) -> list[Appended]:
    with database.write() as connection:
        return append_events(connection, rows)


def test_new_events_are_stored_with_their_exact_bytes(database: Database) -> None:
    first, second = row("a"), row("b", type=None, content_type=None, request_id=None)
    assert append(database, first, second) == [Appended(first.id, False), Appended(second.id, False)]
    with database.system_session() as session:
        stored = session.scalars(select(Event).order_by(Event.id)).all()
    assert [event.id for event in stored] == [first.id, second.id]
    assert stored[0].body == BODY
    assert stored[1].type is None


def test_a_repeat_names_the_first_event(database: Database) -> None:
    first, again, other = row("a"), row("a"), row("c")
    append(database, first)
    assert append(database, other, again) == [Appended(other.id, False), Appended(first.id, True)]


def test_a_repeat_within_one_batch_counts_too(database: Database) -> None:
    first, again = row("a"), row("a")
    assert append(database, first, again) == [Appended(first.id, False), Appended(first.id, True)]


def test_equal_keys_of_two_sources_are_two_events(database: Database) -> None:
    rows = row("a"), row("a", source_id="src_2")
    assert [outcome.is_duplicate for outcome in append(database, *rows)] == [False, False]


def test_events_without_a_key_are_never_duplicates(database: Database) -> None:
    assert [outcome.is_duplicate for outcome in append(database, row(None), row(None))] == [False, False]


def test_a_transaction_may_be_repeated_when_its_outcome_is_unknown(database: Database) -> None:
    rows = row("a"), row(None)
    once = append(database, *rows)
    assert append(database, *rows) == once
    with database.system_session() as session:
        assert len(session.scalars(select(Event)).all()) == 2
