"""How far a reading of a described list has come, as JSON that another process can go on with. Pure.

A position has the request for the next page, and what is known so far of the cursor that the reading will leave. What
proves who calls is never part of either: systems that take it in the URL put it into the URLs that lead on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from gateway.clients.errors import PositionExpired
from gateway.clients.paging.styles import PageRequest
from gateway.entities.external import Cursor, Position
from gateway.providers.api.model import Credential


@dataclass(frozen=True, slots=True)
class Mark:
    """What an incremental reading begins from: an instant of the system's (`since`), or its own mark."""

    since: datetime | None = None
    mark: str | None = None

    def cursor(self) -> Cursor | None:
        """As it is kept; None: the next reading is a full one."""
        if self.mark is not None:
            return {"mark": self.mark}
        return None if self.since is None else {"since": _written(self.since)}


def mark_of(cursor: Cursor | None) -> Mark:
    """What a cursor says. Raises `PositionExpired` for one that is none of these."""
    if cursor is None:
        return Mark()
    since, mark = cursor.get("since"), cursor.get("mark")
    if isinstance(mark, str):
        return Mark(mark=mark)
    return Mark(since=_read(since))


def position_of(request: PageRequest, newest: datetime | None, credential: Credential) -> Position:
    """The request for a page, and the newest change that the pages before it had."""
    position: dict[str, object] = {"query": [list(pair) for pair in request.query]}
    if request.url is not None:
        position["url"] = without_credential(request.url, credential)
    if newest is not None:
        position["newest"] = _written(newest)
    return position


def request_of(position: Position) -> tuple[PageRequest, datetime | None]:
    """The other way round. Raises `PositionExpired`."""
    query, url, newest = position.get("query", []), position.get("url"), position.get("newest")
    if not isinstance(query, list) or not all(_is_pair(pair) for pair in query) or not isinstance(url, str | None):
        raise PositionExpired("the position to go on from cannot be read")
    return PageRequest(tuple((str(name), str(value)) for name, value in query), url), _read(newest) if newest else None


def without_credential(url: str, credential: Credential) -> str:
    """`url` without the parameter that proves who calls; each call gets it anew."""
    parts = urlsplit(url)
    if credential.kind != "query" or not parts.query:
        return url
    left = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != credential.name]
    return urlunsplit(parts._replace(query=urlencode(left)))


def newest_of(newest: datetime | None, instants: Iterable[datetime | None]) -> datetime | None:
    """The latest of all that are known."""
    return max((at for at in (newest, *instants) if at is not None), default=None)


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value)


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _read(value: object) -> datetime:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise PositionExpired("the cursor to go on from cannot be read")
    return found
