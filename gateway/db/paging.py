"""Pages of a list that is walked by primary key, newest first: the cost of a page does not depend on its number."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute, Session

from gateway.errors import InvalidInput

Row = TypeVar("Row")

DEFAULT_LIMIT = 50
MAX_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows of a list; `next_cursor` continues it, None at its end."""

    rows: tuple[Row, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page is wanted. `cursor` is the `next_cursor` of the page before, None for the first."""

    limit: int = DEFAULT_LIMIT
    cursor: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_LIMIT:
            raise InvalidInput(f"a page has 1 to {MAX_LIMIT} rows, not {self.limit}; ask for more with the cursor")


def newest_first(
    session: Session, statement: Select[Row], key: InstrumentedAttribute[str], request: PageRequest
) -> Page[Row]:
    """One page of `statement`'s rows by descending `key`. Raises `InvalidInput` for a cursor that is none of ours."""
    if request.cursor is not None:
        statement = statement.where(key < _decode(request.cursor))
    rows = session.scalars(statement.order_by(key.desc()).limit(request.limit + 1)).all()
    if len(rows) <= request.limit:
        return Page(tuple(rows))
    shown = rows[: request.limit]
    return Page(tuple(shown), _encode(str(getattr(shown[-1], key.key))))


def _encode(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode("ascii")).decode("ascii").rstrip("=")


def _decode(cursor: str) -> str:
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise InvalidInput("the cursor is not one that a list gave; leave it out to start from the newest") from error
