"""Where in the journal to look for what somebody wants: stretches of it, newest first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import translate
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Integer, LargeBinary, cast, func, literal, select

from gateway.db.scope import TenantSession
from gateway.events.blocks.terms import ANY, UNROUTED, both_term, source_term, type_term
from gateway.events.blocks.word_filter import SEGMENT_BYTES, Place, place_of
from gateway.events.models import EventBlock, EventBlockTerm

FIRST_BLOCKS, MOST_ASKED = 4, 256
"""How many blocks are asked for at a time: few at first, since they are often enough."""
MOST_BLOCKS = 64
"""How many of them are given at a time."""
MOST_WORDS_ASKED = 6
"""Of what somebody looks for; the rest is seen in the bodies."""
MOST_TYPES = 40
"""Different types that a pattern may stand for, beyond which it does not narrow the search."""
MOST_LOOKED_AT = 400
"""And types that are compared with it."""


class Stretch(NamedTuple):
    """The events from `first_id` up to `last_id`; up to the youngest of all where that is empty."""

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


def stretches(session: TenantSession, sought: Sought, *, below_id: str, above_id: str) -> Iterator[Sequence[Stretch]]:
    """Some stretches at a time, newest first, that have every event that is sought with an id above `above_id` and
    below `below_id` (empty ones are no bounds).
    """
    newest_id = session.scalar(select(func.max(EventBlock.last_id))) or ""
    if not below_id or newest_id < below_id:
        yield [Stretch(_after(newest_id), "")]
        block_below = _after(newest_id)
    else:
        holding = select(func.min(EventBlock.last_id)).where(EventBlock.last_id >= below_id)
        block_below = _after(session.scalar(holding) or newest_id)
    terms = _terms(session, sought)
    places = [place_of(session.tenant_id, word) for word in sorted(sought.words, key=len)[-MOST_WORDS_ASKED:]]
    many = MOST_ASKED if places else FIRST_BLOCKS
    while terms:
        blocks = _blocks(session, terms, places, below=block_below, above_id=above_id, limit=many)
        found = [
            Stretch(block.first_found, block.last_found)
            for block in blocks
            if all(place.may_hold(segment) for place, segment in zip(places, block.segments, strict=True))
        ]
        for start in range(0, len(found), MOST_BLOCKS):
            yield found[start : start + MOST_BLOCKS]
        if len(blocks) < many:
            return
        block_below = blocks[-1].last_id
        many = min(many * 4, MOST_ASKED)


def _blocks(
    session: TenantSession, terms: Sequence[str], places: Sequence[Place], *, below: str, above_id: str, limit: int
) -> Sequence[_Block]:
    """The newest blocks with one of the terms, each with the segment of each place."""
    columns: list[Any] = [EventBlockTerm.last_id, EventBlockTerm.first_found, EventBlockTerm.last_found]
    columns += [_segment(place).label(f"segment_{number}") for number, place in enumerate(places)]
    found: list[_Block] = []
    for term in terms:
        statement = select(*columns).where(
            EventBlockTerm.tenant_id == session.tenant_id,
            EventBlockTerm.term == term,
            EventBlockTerm.last_id < below,
            EventBlockTerm.last_id > above_id,
        )
        if places:
            statement = statement.join(EventBlock, EventBlock.last_id == EventBlockTerm.last_id)
        rows = session.execute(statement.order_by(EventBlockTerm.last_id.desc()).limit(limit))
        found += [_Block(last_id, first, last, segments) for last_id, first, last, *segments in rows]
    return found if len(terms) == 1 else _united(found, limit)


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
    first = select(func.min(EventBlockTerm.term)).where(EventBlockTerm.tenant_id == session.tenant_id)
    found: list[str] = []
    term = session.scalar(first.where(EventBlockTerm.term >= head))
    for _ in range(MOST_LOOKED_AT):
        if term is None or not term.startswith(head):
            return found
        if fits(term) or term == pattern.removesuffix(".*"):
            found.append(term)
        if len(found) > MOST_TYPES:
            return None
        term = session.scalar(first.where(EventBlockTerm.term > term))
    return None
