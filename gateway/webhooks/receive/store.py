"""Storing submissions: proofs, events, deliveries, jobs and what follows them, in the caller's transaction.

A proof is accepted in the statement or transaction that stores its events: neither is ever there without the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from sqlalchemy import Connection

from gateway.db.drivers import array_literal, postgres_arrays, single_statement
from gateway.delivery.queue.enqueue import POSTGRES_INSERT_FOR_NEW, DeliveryRow, insert_deliveries
from gateway.events.append import (
    POSTGRES_INSERT,
    POSTGRES_INSERT_ADMITTED,
    Appended,
    EventRow,
    append_events,
    first_ids,
    postgres_outcomes,
)
from gateway.jobs.from_events import CAME_AGAIN, EventJob, event_job, insert_event_jobs
from gateway.webhooks.proofs.accept import POSTGRES_ACCEPT, ProofRow, accept_proofs, accepted_before, in_order
from gateway.webhooks.receive.entry import Receipt, Submission

_POSTGRES_STORE = f"WITH new AS ({POSTGRES_INSERT}), queued AS ({POSTGRES_INSERT_FOR_NEW}) SELECT id FROM new"  # noqa: S608 (constants)
_POSTGRES_STORE_PROVEN = (
    f"WITH admitted AS ({POSTGRES_ACCEPT}), new AS ({POSTGRES_INSERT_ADMITTED}), "  # noqa: S608 (constants)
    f"queued AS ({POSTGRES_INSERT_FOR_NEW}) SELECT id FROM new"
)

Before = Mapping[str, ProofRow]
"""Proofs that were accepted before, by the first event's id of the submission that came with them again."""


def store_submissions(connection: Connection, submissions: Sequence[Submission]) -> list[Receipt]:
    """Store all events and, for those that are new, their deliveries. Repeatable; see `GroupCommit`."""
    at_once = connection.dialect.name == "postgresql" and not any(
        submission.may_repeat or any(entry.follow_ups or entry.job for entry in submission.entries)
        for submission in submissions
    )
    before, appended = (_store_at_once if at_once else _store)(connection, submissions)
    return _receipts(connection, submissions, before, appended)


def store_within(connection: Connection, submissions: Sequence[Submission]) -> list[Receipt]:
    """The same in a transaction that goes on: several statements on every database."""
    return _receipts(connection, submissions, *_store(connection, submissions))


def _receipts(
    connection: Connection, submissions: Sequence[Submission], before: Before, appended: Sequence[Appended]
) -> list[Receipt]:
    outcomes = iter(appended)
    receipts = [
        _again(connection, submission, submission.proof, before[submission.proof.event_id])
        if submission.proof is not None and submission.proof.event_id in before
        else Receipt(tuple(islice(outcomes, len(submission.entries))))
        for submission in submissions
    ]
    return _redelivered(connection, submissions, receipts)


def _redelivered(connection: Connection, submissions: Sequence[Submission], receipts: list[Receipt]) -> list[Receipt]:
    """The receipts, with the jobs for what came again to sources that deliver it again."""
    if not any(entry.is_redelivered for submission in submissions for entry in submission.entries):
        return receipts
    with_jobs = [
        receipt._replace(jobs=tuple(_came_again(submission, receipt)))
        for submission, receipt in zip(submissions, receipts, strict=True)
    ]
    insert_event_jobs(connection, [job for receipt in with_jobs for job in receipt.jobs])
    return with_jobs


def _came_again(submission: Submission, receipt: Receipt) -> Iterator[EventJob]:
    for entry, appended in zip(submission.entries, receipt.appended, strict=receipt.replayed is None):
        if entry.is_redelivered and appended.is_duplicate:
            event = entry.event
            yield event_job(
                CAME_AGAIN,
                tenant_id=event.tenant_id,
                event_id=appended.event_id,
                at_us=event.received_at,
                request_id=event.request_id,
            )


def _store(connection: Connection, submissions: Sequence[Submission]) -> tuple[Before, list[Appended]]:
    """What was accepted before, and what became of the events of the others."""
    before = _unless_repeated(submissions, accept_proofs(connection, _proofs(submissions)))
    entries = [entry for submission in _others(submissions, before) for entry in submission.entries]
    appended = append_events(connection, [entry.event for entry in entries])
    new = [entry for entry, outcome in zip(entries, appended, strict=True) if not outcome.is_duplicate]
    follow_ups = [follow_up for entry in new for follow_up in entry.follow_ups]
    append_events(connection, [entry.event for entry in follow_ups])
    insert_deliveries(connection, [row for entry in (*new, *follow_ups) for row in entry.deliveries])
    insert_event_jobs(connection, [entry.job for entry in new if entry.job is not None])
    return before, appended


def _store_at_once(connection: Connection, submissions: Sequence[Submission]) -> tuple[Before, list[Appended]]:
    """One statement for everything, which is also the transaction: a third less of PostgreSQL's time."""
    proofs = _proofs(submissions)
    entries = [entry for submission in submissions for entry in submission.entries]
    arrays = postgres_arrays([entry.event for entry in entries], EventRow)
    if proofs:
        statement = _POSTGRES_STORE_PROVEN
        arrays = [*postgres_arrays(in_order(proofs), ProofRow), *arrays, _conditions(submissions)]
    else:
        statement = _POSTGRES_STORE
    arrays += postgres_arrays([row for entry in entries for row in entry.deliveries], DeliveryRow)
    with single_statement(connection) as driver:
        new = {found[0] for found in driver.execute(statement, arrays)}
    if len(new) == len(entries):
        return {}, [Appended(entry.event.id, False) for entry in entries]
    before = accepted_before(connection, [proof for proof in proofs if proof.event_id not in new])
    events = [event for submission in _others(submissions, before) for event in submission.events]
    return before, postgres_outcomes(connection, events, new & {event.id for event in events})


def _proofs(submissions: Iterable[Submission]) -> list[ProofRow]:
    return [submission.proof for submission in submissions if submission.proof is not None]


def _conditions(submissions: Iterable[Submission]) -> str:
    """For each event the id under which its submission's proof must have been accepted."""
    return array_literal(
        [
            None if submission.proof is None else submission.proof.event_id
            for submission in submissions
            for _ in submission.entries
        ]
    )


def _others(submissions: Iterable[Submission], before: Before) -> list[Submission]:
    return [one for one in submissions if one.proof is None or one.proof.event_id not in before]


def _unless_repeated(submissions: Iterable[Submission], before: Before) -> Before:
    """Of what was accepted before that which counts: not where the same may come again."""
    repeated = {
        submission.proof.event_id
        for submission in submissions
        if submission.may_repeat
        and submission.proof is not None
        and (first := before.get(submission.proof.event_id)) is not None
        and first.events_digest == submission.proof.events_digest
    }
    return {event_id: first for event_id, first in before.items() if event_id not in repeated}


def _again(connection: Connection, submission: Submission, proof: ProofRow, first: ProofRow) -> Receipt:
    """What is said to a proof that had been accepted: it is for the same events, or for something else."""
    if proof.events_digest != first.events_digest:
        return Receipt((), first.event_id)
    stored = first_ids(connection, submission.events)
    # What the purge has forgotten was the same all the same.
    ids = (stored.get((event.source_id, event.dedupe_key), first.event_id) for event in submission.events)
    return Receipt(tuple(Appended(event_id, True) for event_id in ids))
