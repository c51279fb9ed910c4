"""Taking in what was refused: judged again, stored and routed as if it came now, and marked with the event it became.

What comes twice is told by its dedupe key: taking in what a vendor has sent again meanwhile makes nothing twice.
Certificates that a request names are fetched first, outside of any transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import ColumnElement, Connection, select

from gateway.db.scope import TenantSession
from gateway.errors import Conflict, Hint, NotFound
from gateway.events.append import first_ids
from gateway.tenants.acting import Acting, Transactions
from gateway.webhooks.acceptance.judging import Judge
from gateway.webhooks.acceptance.outcomes import AcceptanceCounts, Judged, Outcome, counts_of
from gateway.webhooks.material import shared_material
from gateway.webhooks.receive.due import due_ids, due_jobs
from gateway.webhooks.receive.entry import Receipt, Submission
from gateway.webhooks.receive.store import store_within
from gateway.webhooks.rejections.models import Rejection

# Of a transaction; each may have a body of a megabyte.
BATCH = 10


@dataclass(frozen=True, slots=True)
class WhichRejections:
    """Which rejections are to be taken in; None means any. Those that were taken in before are not meant."""

    source: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def accept_rejection(begin: Transactions, rejection_id: str) -> Judged:
    """Take in one. Raises `NotFound`, and `Conflict` where it is refused again."""
    judged = try_rejection(begin, rejection_id)
    if not judged.is_in_journal:
        raise Conflict(f"it is refused again: {judged.detail}", Hint("explain_rejection", {"rejection": rejection_id}))
    return judged


def try_rejection(begin: Transactions, rejection_id: str, *, plans: bool = False) -> Judged:
    """The same, but what is refused again is told in what is returned; with `plans`, only what would be."""
    which = [Rejection.id == rejection_id]
    _fetch(begin, which)
    with begin(write=not plans) as acting:
        found = _rows(acting.session, which, locks=not plans)
        if not found:
            raise NotFound(f"there is no rejection {rejection_id!r}", Hint("list_rejections"))
        [judged] = _planned(acting, found) if plans else _accept(acting, found)
        if not plans and judged.outcome in (Outcome.ACCEPTED, Outcome.DUPLICATE):
            after = {"outcome": judged.outcome, "events": list(judged.event_ids)}
            acting.audit("rejection.accepted", rejection_id, found[0].source, after=after)
    return judged


def plan_acceptance(begin: Transactions, which: WhichRejections) -> Iterator[Sequence[Judged]]:
    """What taking in all that are meant would do; one value per transaction."""
    after: str | None = ""
    while after is not None:
        clauses = meant(which, after)
        _fetch(begin, clauses)
        with begin(write=False) as acting:
            rows = _rows(acting.session, clauses, locks=False)
            judged = _planned(acting, rows)
        if judged:
            yield judged
        after = judged[-1].rejection_id if len(judged) == BATCH else None


def fetch_material(begin: Transactions, which: WhichRejections, after: str) -> None:
    """Fetch the certificates that the next ones need, before `accept_next`. What cannot be had is refused again."""
    _fetch(begin, meant(which, after))


def accept_next(acting: Acting, which: WhichRejections, after: str) -> tuple[AcceptanceCounts, str | None]:
    """Take in the next ones of those that are meant: what became of them, and the id to go on after, None at the
    end.
    """
    rows = _rows(acting.session, meant(which, after), locks=True)
    judged = _accept(acting, rows)
    return counts_of(judged), judged[-1].rejection_id if len(judged) == BATCH else None


def meant(which: WhichRejections, after: str) -> list[ColumnElement[bool]]:
    """What holds for those that are meant, after the one with the id `after`."""
    clauses: list[ColumnElement[bool]] = [Rejection.id > after, Rejection.accepted_as.is_(None)]
    if which.source is not None:
        clauses.append(Rejection.source == which.source)
    if which.reason is not None:
        clauses.append(Rejection.reason == which.reason)
    if which.since is not None:
        clauses.append(Rejection.received_at >= which.since)
    if which.until is not None:
        clauses.append(Rejection.received_at < which.until)
    return clauses


def _rows(session: TenantSession, which: Sequence[ColumnElement[bool]], *, locks: bool) -> Sequence[Rejection]:
    # Oldest first, as they would have come.
    statement = select(Rejection).where(*which).order_by(Rejection.id).limit(BATCH)
    return session.scalars(statement.with_for_update() if locks else statement).all()


def _fetch(begin: Transactions, which: Sequence[ColumnElement[bool]]) -> None:
    with begin(write=False) as acting:
        store, judge = shared_material(acting.installation), Judge(acting)
        needs = [judge.needs(row) for row in _rows(acting.session, which, locks=False)]
    for missing, source_id in needs:
        if missing:
            store.fetch(store.missing(missing), source_id)


def _planned(acting: Acting, rows: Sequence[Rejection]) -> list[Judged]:
    judge, connection = Judge(acting), acting.session.connection()
    return [
        found if isinstance(found := judge.judge(row), Judged) else _would_be(connection, row.id, found) for row in rows
    ]


def _would_be(connection: Connection, rejection_id: str, submission: Submission) -> Judged:
    first = first_ids(connection, [event for event in submission.events if event.dedupe_key is not None])
    ids = [first.get((event.source_id, event.dedupe_key)) for event in submission.events]
    known = tuple(found for found in ids if found is not None)
    return Judged(rejection_id, Outcome.DUPLICATE if len(known) == len(ids) else Outcome.ACCEPTED, event_ids=known)


def _accept(acting: Acting, rows: Sequence[Rejection]) -> list[Judged]:
    judge = Judge(acting)
    return [found if isinstance(found := judge.judge(row), Judged) else _store(acting, row, found) for row in rows]


def _store(acting: Acting, row: Rejection, submission: Submission) -> Judged:
    [receipt] = store_within(acting.session.connection(), [submission])
    if receipt.replayed is not None:
        detail = f"what is signed in it was accepted before, as the event {receipt.replayed}"
        return Judged(row.id, Outcome.REFUSED, detail)
    _announce(acting, submission, receipt)
    ids = tuple(one.event_id for one in receipt.appended)
    row.accepted_as = ids[0]
    is_duplicate = all(one.is_duplicate for one in receipt.appended)
    return Judged(row.id, Outcome.DUPLICATE if is_duplicate else Outcome.ACCEPTED, event_ids=ids)


def _announce(acting: Acting, submission: Submission, receipt: Receipt) -> None:
    announcements = acting.installation.announcements
    due = list(due_ids([submission], [receipt], acting.now_us))
    if due:
        acting.after_commit(partial(announcements.deliveries, due))
    for job in due_jobs([submission], [receipt]):
        acting.after_commit(partial(announcements.job, job.kind, job.id))
