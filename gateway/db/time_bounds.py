"""Bounds in time for tables whose ids sort by time: found through the primary key, whatever else is filtered by."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute

from gateway.clock import to_us
from gateway.security.identifiers import earliest_id

# An id carries the clock of the process that made it; a filter by time looks this much around its bounds.
CLOCK_MARGIN = timedelta(hours=1)


def between(
    id_: InstrumentedAttribute[str],
    at: InstrumentedAttribute[datetime],
    prefix: str,
    since: datetime | None,
    until: datetime | None,
) -> list[ColumnElement[bool]]:
    """Clauses for rows of `since` or later and before `until`; None is no bound. `prefix` is that of the ids."""
    below_id, above_id = id_bounds(prefix, since, until)
    clauses: list[ColumnElement[bool]] = []
    if since is not None:
        clauses += [id_ >= above_id, at >= since]
    if until is not None:
        clauses += [id_ < below_id, at < until]
    return clauses


def id_bounds(prefix: str, since: datetime | None, until: datetime | None) -> tuple[str, str]:
    """The id below which and the one from which on rows may be of that time; an empty one is no bound."""
    below_id = "" if until is None else earliest_id(prefix, to_us(until + CLOCK_MARGIN))
    return below_id, "" if since is None else earliest_id(prefix, to_us(since - CLOCK_MARGIN))
