"""What is to be different about a destination, as somebody asks for it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

from gateway.delivery.destinations.draft import DestinationDraft
from gateway.kept import KEPT, Kept


@dataclass(frozen=True, slots=True)
class DestinationChange:
    """What is to be different. None is the gateway's default; of the headers those that are named are given a value, or
    taken away by None.
    """

    url: str | Kept = KEPT
    ordering_key: str | Kept | None = KEPT
    timeout_seconds: float | Kept | None = KEPT
    concurrency: int | Kept | None = KEPT
    rate_per_second: float | Kept | None = KEPT
    schedule_seconds: Sequence[float] | Kept | None = KEPT
    headers: Mapping[str, str | None] | Kept = field(default=KEPT, repr=False)
    fatal_statuses: Sequence[int] | Kept = KEPT
    connection: str | Kept | None = KEPT

    def of(self, draft: DestinationDraft) -> DestinationDraft:
        """`draft` with this change."""
        given = {one.name: value for one in fields(self) if (value := getattr(self, one.name)) is not KEPT}
        if "headers" in given:
            given["headers"] = _merged(draft.headers, given["headers"])
        if given.get("schedule_seconds") is not None:
            given["schedule_seconds"] = tuple(given["schedule_seconds"])
        if "fatal_statuses" in given:
            given["fatal_statuses"] = tuple(sorted(set(given["fatal_statuses"])))
        return replace(draft, **given)


def _merged(held: Sequence[tuple[str, str]], given: Mapping[str, str | None]) -> tuple[tuple[str, str], ...]:
    """Names of headers are the same in any case (RFC 9110, 5.1)."""
    named = {name.lower() for name in given}
    kept = [(name, value) for name, value in held if name.lower() not in named]
    return (*kept, *((name, value) for name, value in given.items() if value is not None))
