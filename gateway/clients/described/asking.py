"""How a list is asked for by its entry: since when, from which mark, and with what in the body of a POST. Pure."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from gateway.errors import InvalidInput
from gateway.providers.api.model import Since


def instant(rule: Since, since: datetime) -> str:
    """`since` as the system writes it, with what stands around it. Raises `InvalidInput` without a time zone."""
    if since.tzinfo is None:
        raise InvalidInput("`since` has no time zone")
    at = since.astimezone(UTC) - timedelta(seconds=rule.overlap_seconds)
    match rule.unit:
        case "iso":
            written = _iso(at, "seconds")
        case "iso_ms":
            written = _iso(at, "milliseconds")
        case "epoch":
            written = str(int(at.timestamp()))
        case "epoch_ms":
            written = str(int(at.timestamp() * 1000))
        case "day":
            written = at.strftime("%Y-%m-%d")
        case "http_date":
            written = format_datetime(at, usegmt=True)
        case _:
            written = at.strftime("%Y-%m-%d %H:%M")
    return rule.template.replace("{at}", written)


def _iso(at: datetime, precision: str) -> str:
    return at.isoformat(timespec=precision).replace("+00:00", "Z")


def placed(body: Mapping[str, Any], values: Iterable[tuple[str, object]]) -> dict[str, Any]:
    """A copy of `body` with `values` at their dotted names; objects that are missing on the way are made."""
    made: dict[str, Any] = copy.deepcopy(dict(body))
    for name, value in values:
        *way, last = name.split(".")
        place = made
        for step in way:
            inner = place.get(step)
            place[step] = inner if isinstance(inner, dict) else {}
            place = place[step]
        place[last] = value
    return made
