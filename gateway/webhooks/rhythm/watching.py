"""Learning the rhythm of sources from the journal, and telling of those that fell silent.

One job looks at what came since the last time, half a day of the journal in a transaction; it asks the journal's
primary key, so that its cost is that of what came. Who fell silent is told by an index, whatever the number of sources.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from gateway.clock import MICROSECONDS, from_us, to_us
from gateway.delivery.telling import tell
from gateway.events.models import SYSTEM_SOURCE, Event
from gateway.events.system import source_silent
from gateway.jobs.run import JobRun
from gateway.security.identifiers import earliest_id
from gateway.tenants.acting import SystemActing
from gateway.webhooks.rhythm.learning import HOUR_US, HourCount, Rhythm, counted, expected, per_week, silent_from
from gateway.webhooks.rhythm.models import IS_AWAITED, RhythmMark, SourceRhythm
from gateway.webhooks.sources.models import Source

SETTLED_US: Final = 30 * MICROSECONDS
"""An event is in the journal by so long after its id was made."""
FURTHEST_BACK_US: Final = 28 * 24 * HOUR_US
"""What a new installation learns from at its first look."""
STEP_US: Final = 12 * HOUR_US
"""So much of the journal is one transaction."""
TOLD_AT_ONCE: Final = 100

_MARK: Final = "journal"
_log = structlog.get_logger(__name__)


def watch(run: JobRun) -> Mapping[str, int]:
    """Learn from all that came since the last time, then tell of who is silent. How many events and tellings that was.

    Raises `JobInterrupted`, `StorageUnavailable`.
    """
    learned, until_us = 0, run.clock.now_us() - SETTLED_US
    while True:
        with run.begin_for_system() as acting:
            more, is_done = _learn_next(acting.session, until_us)
        learned += more
        run.progress(learned)
        if is_done:
            break
    told = 0
    while True:
        with run.begin_for_system() as acting:
            now_silent = _tell_next(acting, until_us)
        told += now_silent
        if now_silent < TOLD_AT_ONCE:
            break
    with run.begin_for_system() as acting:
        gone = SourceRhythm.source_id.not_in(select(Source.id))
        acting.session.execute(delete(SourceRhythm).where(gone))
    return {"events": learned, "silent": told}


def _learn_next(session: Session, until_us: int) -> tuple[int, bool]:
    """Learn from the next part of the journal; how many events that were, and whether it was the last one."""
    mark = session.get(RhythmMark, _MARK, with_for_update=True)
    if mark is None:
        mark = RhythmMark(name=_MARK, learned_to=earliest_id("evt", until_us - FURTHEST_BACK_US))
        session.add(mark)
    first = select(Event.id, Event.received_at).where(Event.id >= mark.learned_to).order_by(Event.id).limit(1)
    found = session.execute(first).first()
    ceiling_us = until_us if found is None else min(until_us, to_us(found.received_at) + STEP_US)
    ceiling = earliest_id("evt", ceiling_us)
    # A clock that is behind the journal's has nothing to learn yet.
    if found is None or ceiling <= mark.learned_to:
        return 0, True
    by_source = _came(session, mark.learned_to, ceiling)
    for source_id, (tenant_id, hours) in sorted(by_source.items()):
        _learn(session, source_id, tenant_id, hours)
    mark.learned_to = ceiling
    events = sum(hour.events for _, hours in by_source.values() for hour in hours.values())
    return events, ceiling_us >= until_us


def _came(session: Session, start: str, end: str) -> Mapping[str, tuple[str, dict[int, HourCount]]]:
    """What came to each source, by the hour: its tenant, and counts by the hours' numbers."""
    at_us = Event.__table__.c.received_at
    micros = func.min(at_us), func.max(at_us)
    rows = session.execute(
        select(Event.source_id, Event.tenant_id, func.count().label("events"), *micros)
        .where(Event.id >= start, Event.id < end, Event.source_id != SYSTEM_SOURCE)
        .group_by(Event.source_id, Event.tenant_id, text("received_at / 3600000000"))
    )
    found: dict[str, tuple[str, dict[int, HourCount]]] = defaultdict(lambda: ("", {}))
    for source_id, tenant_id, events, first_at, last_at in rows:
        first_us, last_us = to_us(first_at), to_us(last_at)
        hours = found[source_id][1]
        found[source_id] = tenant_id, {**hours, first_us // HOUR_US: HourCount(events, first_us, last_us)}
    return found


def _learn(session: Session, source_id: str, tenant_id: str, hours: Mapping[int, HourCount]) -> None:
    row = session.get(SourceRhythm, source_id)
    if row is None:
        if session.get(Source, source_id) is None:
            return  # it was removed
        row = SourceRhythm(source_id=source_id, tenant_id=tenant_id, silent_at=None)
        rhythm = Rhythm.beginning(min(hour.first_us for hour in hours.values()))
        session.add(row)
    else:
        rhythm = rhythm_of(row)
    now = counted(rhythm, hours, is_usual=row.silent_at is None)
    if row.silent_at is not None:
        _log.info("a source that was silent has events again", source=source_id)
    _store(row, now)


def rhythm_of(row: SourceRhythm) -> Rhythm:
    """A row as a value."""
    longest = tuple((int(week), amount) for week, amount in row.longest)
    return Rhythm(row.rates, row.seen_hours, row.hour, row.count, to_us(row.last_at), longest)


def _store(row: SourceRhythm, rhythm: Rhythm) -> None:
    due = silent_from(rhythm)
    row.rates, row.seen_hours = [round(rate, 4) for rate in rhythm.rates], rhythm.seen_hours
    row.hour, row.count, row.last_at = rhythm.hour, rhythm.count, from_us(rhythm.last_us)
    row.longest = [[week, round(amount, 2)] for week, amount in rhythm.longest]
    row.silent_from, row.silent_at = None if due is None else from_us(due), None


def _tell_next(acting: SystemActing, now_us: int) -> int:
    now = from_us(now_us)
    statement = (
        select(SourceRhythm, Source)
        .join(Source, Source.id == SourceRhythm.source_id)
        .where(text(IS_AWAITED), SourceRhythm.silent_from <= now)
        .order_by(SourceRhythm.silent_from)
        .limit(TOLD_AT_ONCE)
    )
    rows = acting.session.execute(statement).all()
    for row, source in rows:
        row.silent_at = now
        # Nothing comes to one that is switched off, and that is as it should be.
        if source.disabled_at is None:
            _tell(acting, row, source, now)
    return len(rows)


def _tell(acting: SystemActing, row: SourceRhythm, source: Source, now: datetime) -> None:
    rhythm = rhythm_of(row)
    missing = expected(rhythm, rhythm.last_us, to_us(now))
    _log.warning(
        "a source that is usually busy is silent",
        source=source.slug,
        tenant_id=source.tenant_id,
        last_event_at=row.last_at.isoformat(),
        expected=round(missing),
    )
    occurrence = source_silent(
        source.tenant_id,
        source_id=source.id,
        source=source.slug,
        provider=source.provider,
        last_event_at=row.last_at.isoformat(),
        expected=round(missing),
        per_week=round(per_week(rhythm), 1),
    )
    tell(acting.session, acting.installation, [occurrence])
