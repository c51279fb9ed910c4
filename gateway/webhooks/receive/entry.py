"""What ingest hands to the journal, and how one transaction stores it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from gateway.db.drivers import postgres_arrays, single_statement
from gateway.delivery.queue.enqueue import POSTGRES_INSERT_FOR_NEW, DeliveryRow, insert_deliveries
from gateway.events.append import POSTGRES_INSERT, Appended, EventRow, append_events, postgres_outcomes

_POSTGRES_STORE = f"WITH new AS ({POSTGRES_INSERT}), queued AS ({POSTGRES_INSERT_FOR_NEW}) SELECT id FROM new"  # noqa: S608 (constants)


class Entry(NamedTuple):
    """An event with its deliveries. `follow_ups` are events of our own about it (a route that failed), stored only if
    the event is new.
    """

    event: EventRow
    deliveries: tuple[DeliveryRow, ...]
    follow_ups: tuple[Entry, ...] = ()


class Submission(NamedTuple):
    """The events of one request: they are stored together or not at all. `began` is when the request was read, on the
    steady clock, in seconds.
    """

    entries: tuple[Entry, ...]
    began: float


Receipt = tuple[Appended, ...]
"""One `Appended` per entry of a submission, in order."""


def store_submissions(connection: Connection, submissions: Sequence[Submission]) -> list[Receipt]:
    """Store all events and, for those that are new, their deliveries. Repeatable; see `GroupCommit`."""
    entries = [entry for submission in submissions for entry in submission.entries]
    if connection.dialect.name == "postgresql" and not any(entry.follow_ups for entry in entries):
        appended = _store_at_once(connection, entries)
    else:
        appended = _store(connection, entries)
    receipts, position = [], 0
    for submission in submissions:
        end = position + len(submission.entries)
        receipts.append(tuple(appended[position:end]))
        position = end
    return receipts


def _store(connection: Connection, entries: Sequence[Entry]) -> list[Appended]:
    appended = append_events(connection, [entry.event for entry in entries])
    new = [entry for entry, outcome in zip(entries, appended, strict=True) if not outcome.is_duplicate]
    follow_ups = [follow_up for entry in new for follow_up in entry.follow_ups]
    append_events(connection, [entry.event for entry in follow_ups])
    insert_deliveries(connection, [row for entry in (*new, *follow_ups) for row in entry.deliveries])
    return appended


def _store_at_once(connection: Connection, entries: Sequence[Entry]) -> list[Appended]:
    """One statement for everything, which is also the transaction: a third less of PostgreSQL's time."""
    events = [entry.event for entry in entries]
    deliveries = [row for entry in entries for row in entry.deliveries]
    arrays = postgres_arrays(events, EventRow) + postgres_arrays(deliveries, DeliveryRow)
    with single_statement(connection) as driver:
        new = {found[0] for found in driver.execute(_POSTGRES_STORE, arrays)}
    return postgres_outcomes(connection, events, new)


def submission_bytes(submission: Submission) -> int:
    """About how much memory a submission takes."""
    size = 0
    for event, deliveries, _follow_ups in submission.entries:
        size += 1024 + len(event.body) + len(event.headers) + 512 * len(deliveries)
        for row in deliveries:
            if row.payload is not None:
                size += len(row.payload)
    return size
