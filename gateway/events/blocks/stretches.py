"""Where in the journal to look for what somebody wants: stretches of it, newest first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate
from typing import Any, NamedTuple, Protocol

from sqlalchemy import BigInteger, Integer, LargeBinary, Select, cast, func, literal, select, union_all

from gateway.db.scope import TenantSession
from gateway.events.blocks.terms import ANY, UNROUTED, both_term, source_term, type_term
from gateway.events.blocks.word_filter import SEGMENT_BYTES, Place, place_of
from gateway.events.models import EventBlock, EventBlockTerm

MOST_BLOCKS = 64
"""How many blocks are asked for at a time, of which all events are looked at that are sought."""
MOST_BLOCKS_WITH_WORDS = 256
"""And of which few are left, because the others surely have not all of the words."""
MOST_SINGLE_EVENTS = 1_024
"""How many events are asked for one by one, at a time."""
MOST_WORDS_ASKED = 6
"""Of what somebody looks for; the rest is seen in the bodies."""
MOST_TYPES = 40
"""Different types that a pattern may stand for, beyond which it does not narrow the search."""
MOST_LOOKED_AT = 400
"""And types that are compared with it."""


NO_END = "~"
"""Sorts behind every id."""
LAST_CHARACTER = chr(0x10FFFF)


class Stretch(NamedTuple):
    """The events from `first_id` up to `last_id`."""

    first_id: str
    last_id: str


class _Block(NamedTuple):
    last_id: str
    first_found: str
    last_found: str
    segments: Sequence[bytes]


class Sought(NamedTuple):
    """What of a search blocks tell about; None and empty mean any. `type` may be a pattern with `*` and `?`."""

    source: str | None = None
    type: str | None = None
    is_unrouted: bool = False
    words: frozenset[bytes] = frozenset()


class Walk(Protocol):
    """Goes back through what is sought, newest first. `most` is how many may be asked for at a time; `is_over` says
    that there is no more.
    """

    most: int
    is_over: bool

    def step(self, many: int) -> Sequence[Stretch]:
        """The next stretches, newest first, of `many` blocks or events at most. None is no end."""
        ...


class BlockWalk:
    """By blocks: all stretches that have an event that is sought, with an id above `above_id` and below `below_id`; an
    empty one is no bound. What is younger than the last block comes with the first ones, whole.
    """

    def __init__(self, session: TenantSession, sought: Sought, *, below_id: str, above_id: str) -> None:
        self._session, self._above_id = session, above_id
        self._young: list[Stretch] = []
        newest_id = session.scalar(select(func.max(EventBlock.last_id))) or ""
        if not below_id or newest_id < below_id:
            self._young = [Stretch(_after(newest_id), NO_END)]
            self._below = _after(newest_id)
        else:
            holding = select(func.min(EventBlock.last_id)).where(EventBlock.last_id >= below_id)
            self._below = _after(session.scalar(holding) or newest_id)
        self._terms = _terms(session, sought)
        words = sorted(sought.words, key=len)[-MOST_WORDS_ASKED:]
        self._places = [place_of(session.tenant_id, word) for word in words]
        self.most = MOST_BLOCKS_WITH_WORDS if words else MOST_BLOCKS
        self.is_over = False

    def step(self, many: int) -> Sequence[Stretch]:
        young, self._young = self._young, []
        blocks: Sequence[_Block] = ()
        if self._terms:
            bounds = {"below": self._below, "above_id": self._above_id}
            blocks = _blocks(self._session, self._terms, self._places, **bounds, limit=many)
        self.is_over = len(blocks) < many
        if blocks:
            self._below = blocks[-1].last_id
        return young + [
            Stretch(block.first_found, block.last_found)
            for block in blocks
            if all(place.may_hold(segment) for place, segment in zip(self._places, block.segments, strict=True))
        ]


class FewWalk:
    """By the ids that `among` selects, which says itself whose they are: each is a stretch of its own."""

    most = MOST_SINGLE_EVENTS

    def __init__(self, session: TenantSession, among: Select[str], *, below_id: str, above_id: str) -> None:
        self._connection = session.connection()
        [self._id] = among.selected_columns
        self._newest = among.distinct().order_by(self._id.desc())
        if above_id:
            self._newest = self._newest.where(self._id > above_id)
        self._below_id = below_id
        self.is_over = False

    def step(self, many: int) -> Sequence[Stretch]:
        statement = self._newest.where(self._id < self._below_id) if self._below_id else self._newest
        ids = self._connection.scalars(statement.limit(many)).all()
        self.is_over = len(ids) < many
        if ids:
            self._below_id = ids[-1]
        return [Stretch(one, one) for one in ids]


def _blocks(
    session: TenantSession, terms: Sequence[str], places: Sequence[Place], *, below: str, above_id: str, limit: int
) -> Sequence[_Block]:
    """The newest blocks with one of the terms, each with the segment of each place."""
    columns: list[Any] = [EventBlockTerm.last_id, EventBlockTerm.first_found, EventBlockTerm.last_found]
    columns += [_segment(place).label(f"segment_{number}") for number, place in enumerate(places)]
    statements = []
    for term in terms:
        statement = select(*columns).where(
            EventBlockTerm.tenant_id == session.tenant_id,
            EventBlockTerm.term == term,
            EventBlockTerm.last_id < below,
            EventBlockTerm.last_id > above_id,
        )
        if places:
            statement = statement.join(EventBlock, EventBlock.last_id == EventBlockTerm.last_id)
        statements.append(statement.order_by(EventBlockTerm.last_id.desc()).limit(limit))
    if len(statements) == 1:
        return [_Block(row[0], row[1], row[2], row[3:]) for row in session.execute(statements[0])]
    every = union_all(*(select(one.subquery()) for one in statements))
    return _united([_Block(row[0], row[1], row[2], row[3:]) for row in session.connection().execute(every)], limit)


def _united(found: Sequence[_Block], limit: int) -> Sequence[_Block]:
    """What was found for several terms, each block once."""
    by_id: dict[str, _Block] = {}
    for block in found:
        other = by_id.get(block.last_id, block)
        first, last = min(block.first_found, other.first_found), max(block.last_found, other.last_found)
        by_id[block.last_id] = block._replace(first_found=first, last_found=last)
    return [by_id[last_id] for last_id in sorted(by_id, reverse=True)[:limit]]


def _segment(place: Place) -> Any:
    """The segment of a block's filter in which a word's bits are, and nothing else of it."""
    number = cast(literal(place.number, BigInteger) % EventBlock.segments, Integer)
    return func.substr(EventBlock.words, number * SEGMENT_BYTES + 1, SEGMENT_BYTES, type_=LargeBinary)


def _after(identifier: str) -> str:
    """What sorts behind an id, and before every other one that does."""
    return identifier + "0"


def _terms(session: TenantSession, sought: Sought) -> Sequence[str]:
    """The terms of which a block has to have one; none where no block can have what is sought."""
    if sought.is_unrouted:
        return [UNROUTED]
    broad = ANY if sought.source is None else source_term(sought.source)
    if sought.type is None:
        return [broad]
    narrow = type_term(sought.type) if sought.source is None else both_term(sought.source, sought.type)
    if not set("*?") & set(sought.type):
        return [narrow]
    known = _terms_like(session, narrow)
    return [broad] if known is None else known


def _terms_like(session: TenantSession, pattern: str) -> Sequence[str] | None:
    """The tenant's terms that a pattern stands for: from one to the next, so that their blocks are not read. None where
    there are too many.
    """
    head = re.split(r"[*?]", pattern, maxsplit=1)[0].removesuffix(".")
    # Written so that it never looks back past what a star has taken: many stars do not cost many times as much.
    fits = re.compile(translate(pattern)).match
    known = _terms_from(session, head)
    found = [term for term in known if fits(term) or term == pattern.removesuffix(".*")]
    return None if len(known) == MOST_LOOKED_AT or len(found) > MOST_TYPES else found


def _terms_from(session: TenantSession, head: str) -> Sequence[str]:
    """The tenant's first terms that begin with `head`, each found behind the one before."""
    terms = EventBlockTerm.__table__.c
    of_tenant = select(func.min(terms.term)).where(terms.tenant_id == session.tenant_id)
    walked = of_tenant.where(terms.term >= head).cte("walked", recursive=True)
    [term] = walked.c
    behind = of_tenant.where(terms.term > term).scalar_subquery()
    walked = walked.union_all(select(behind).where(term.is_not(None), term < head + LAST_CHARACTER))
    [term] = walked.c
    found = session.connection().scalars(select(term).limit(MOST_LOOKED_AT)).all()
    return [one for one in found if one is not None and one.startswith(head)]
