"""What somebody looks for inside of events: words, headers, and whatever else the caller tells of one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import ColumnElement, LargeBinary, bindparam, func

from gateway.events.blocks.words import words_in, words_of
from gateway.events.models import Event

Test = Callable[[Any, bytes], bool]
"""Takes the row of an event (`COLUMNS`) and its body."""
COLUMNS = (Event.id, Event.type, Event.source, Event.content_type, Event.dedupe_key, Event.headers)


@dataclass(frozen=True, slots=True)
class Contents:
    """All of it has to hold. `headers` are names in any case with exact values; `test` is asked last."""

    words: frozenset[bytes] = frozenset()
    headers: tuple[tuple[str, str], ...] = ()
    test: Test | None = None

    def __bool__(self) -> bool:
        return bool(self.words or self.headers or self.test)

    @property
    def needs_body(self) -> bool:
        """Whether bodies have to be read."""
        return bool(self.words or self.test)

    def clauses(self, *, is_sqlite: bool) -> Sequence[ColumnElement[bool]]:
        """What the database can tell of it already: the values stand somewhere among the headers."""
        return [_holds(orjson.dumps(value), is_sqlite=is_sqlite) for _name, value in self.headers]

    def hold(self, row: Any, body: bytes) -> bool:
        """Whether the event has all of it."""
        return self._has_words(row, body) and self._has_headers(row) and (self.test is None or self.test(row, body))

    def _has_words(self, row: Any, body: bytes) -> bool:
        if not self.words:
            return True
        missing = self.words - words_of(row.content_type, body)
        return not missing or missing <= words_in(row.dedupe_key or "")

    def _has_headers(self, row: Any) -> bool:
        if not self.headers:
            return True
        there = {(str(name).lower(), str(value)) for name, value in json.loads(row.headers)}
        return all((name.lower(), value) in there for name, value in self.headers)


def _holds(needle: bytes, *, is_sqlite: bool) -> ColumnElement[bool]:
    value = bindparam(None, needle, LargeBinary)
    if is_sqlite:
        return func.instr(Event.headers, value) > 0
    return func.position(value.op("IN")(Event.headers)) > 0
