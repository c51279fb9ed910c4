"""What a provider's webhook says of a grant that has ended: whose it was, and when. Pure.

Nothing is believed but what is signed: whose grant it was stands in the body.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.content import jsontext
from gateway.oauth.protocol.bodies import at
from gateway.providers.oauth.parts import Notice, Texts

MILLISECONDS_FROM = 1e11
"""A number from here on is in milliseconds: in seconds it would be the year 5138."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A grant that ended at `at`. The values that a connection has to have under each name; one of several will do; and
    the names under which it has none.
    """

    account: Mapping[str, frozenset[str]]
    app: Mapping[str, frozenset[str]]
    at: datetime
    without: tuple[str, ...] = ()

    def is_of(self, has: Mapping[str, object]) -> bool:
        """Whether something is meant that `has` these values by name."""
        wanted = {**self.account, **self.app}
        if any(has.get(name) is not None for name in self.without):
            return False
        return all(jsontext.as_text(has.get(name)) in values for name, values in wanted.items())


def read_notice(
    notices: Iterable[Notice],
    event_type: str | None,
    body: bytes,
    headers: Iterable[tuple[str, str]],
    received_at: datetime,
) -> tuple[Ended, ...]:
    """What the event says; nothing where it is no notice, or does not say whose grant has ended."""
    document = jsontext.parse(body)
    if not isinstance(document, dict):
        return ()
    said = tuple(headers)
    found = (_ended(one, document, said, received_at) for one in notices if event_type in one.events)
    return tuple(one for one in found if one is not None)


def _ended(notice: Notice, document: object, headers: Iterable[tuple[str, str]], received_at: datetime) -> Ended | None:
    account, app = _values(notice.account, document), _values(notice.app, document)
    if not all((*account.values(), *app.values())):
        return None
    told = _told(notice.at, document, headers)
    return Ended(account, app, received_at if told is None else min(told, received_at), notice.without)


def _values(paths: Texts, document: object) -> dict[str, frozenset[str]]:
    return {name: frozenset(_texts(at(path, document))) for name, path in paths.items()}


def _texts(found: object) -> Iterable[str]:
    for one in found if isinstance(found, list) else [found]:
        text = jsontext.as_text(one)
        if text:
            yield text


def _told(place: str | None, document: object, headers: Iterable[tuple[str, str]]) -> datetime | None:
    if place is None:
        return None
    name = place.removeprefix("header:")
    if name == place:
        return _instant(at(place, document))
    return _instant(next((value for key, value in headers if key.lower() == name.lower()), None))


def _instant(value: object) -> datetime | None:
    with suppress(ValueError, OverflowError, OSError):
        if isinstance(value, str) and not value.isdigit():
            found = datetime.fromisoformat(value)
            return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            number = float(value)
            return datetime.fromtimestamp(number / 1000 if number >= MILLISECONDS_FROM else number, UTC)
    return None
