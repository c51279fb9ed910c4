"""Pages of a list that is walked by a unique key, up or down: the cost of a page does not depend on its number.

A cursor names the list and the key of the last row shown, so that rows that come and go between two pages neither
repeat nor hide others. It is opaque: only what a list gave may be handed back to it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute, Session

from gateway.errors import InvalidInput

Row = TypeVar("Row")
Shown = TypeVar("Shown")

DEFAULT_LIMIT = 50
MAX_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows of a list; `next_cursor` continues it, None at its end."""

    rows: tuple[Row, ...]
    next_cursor: str | None = None
    looked_back_to: datetime | None = None
    """Of a search that was cut short: what came before was not looked at. The cursor goes on there."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page is wanted. `cursor` is the `next_cursor` of the page before, None for the first."""

    limit: int = DEFAULT_LIMIT
    cursor: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_LIMIT:
            message = f"a page has 1 to {MAX_LIMIT} rows, not {self.limit}; ask for more with the cursor"
            raise InvalidInput.at("limit", "out_of_range", message)


def page_of(
    session: Session,
    statement: Select[Row],
    key: InstrumentedAttribute[str],
    request: PageRequest,
    *,
    is_descending: bool = False,
) -> Page[Row]:
    """One page of `statement`'s rows by `key`, which is unique among them.

    Raises `InvalidInput` for a cursor that this list has not given.
    """
    order = key.desc() if is_descending else key.asc()
    if request.cursor is not None:
        last = position_of(key, request.cursor)
        statement = statement.where(key < last if is_descending else key > last)
    rows = session.scalars(statement.order_by(order).limit(request.limit + 1)).all()
    if len(rows) <= request.limit:
        return Page(tuple(rows))
    shown = rows[: request.limit]
    return Page(tuple(shown), cursor_at(key, getattr(shown[-1], key.key)))


def page_of_values(values: Mapping[str, Row], request: PageRequest, *, name: str) -> Page[Row]:
    """One page of values that are all in memory, by key; `name` is the list's. Raises `InvalidInput` as above."""
    after = None if request.cursor is None else position_of(name, request.cursor)
    keys = [key for key in sorted(values) if after is None or key > after]
    shown = keys[: request.limit]
    rows = tuple(values[key] for key in shown)
    return Page(rows, cursor_at(name, shown[-1]) if len(keys) > len(shown) else None)


def every(find: Callable[[PageRequest], Page[Shown]]) -> Iterator[Shown]:
    """All rows of a list, page after page."""
    cursor = None
    while True:
        page = find(PageRequest(MAX_LIMIT, cursor))
        yield from page.rows
        cursor = page.next_cursor
        if cursor is None:
            return


def cursor_at(key: InstrumentedAttribute[str] | str, value: str) -> str:
    """The cursor that continues a list behind the row whose key has this value."""
    return base64.urlsafe_b64encode(f"{_name(key)}:{value}".encode()).decode("ascii").rstrip("=")


def position_of(key: InstrumentedAttribute[str] | str, cursor: str) -> str:
    """The value that a cursor was made of. Raises `InvalidInput` for one that this list has not given."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        name, found, value = base64.b64decode(padded, altchars=b"-_", validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        name, found, value = "", "", ""
    # No key has a NUL in it, and a cursor that was made up may.
    if not found or name != _name(key) or "\x00" in value:
        message = "the cursor is not one that this list gave; leave it out to start from the beginning"
        raise InvalidInput.at("cursor", "malformed", message)
    return value


def _name(key: InstrumentedAttribute[str] | str) -> str:
    return key if isinstance(key, str) else f"{key.class_.__name__}.{key.key}"
