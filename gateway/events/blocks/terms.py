"""Terms: what is written down of a block for each tenant, by which lists find their events. Pure."""

from __future__ import annotations

from collections.abc import Collection

ANY = ""
"""The tenant has an event in the block."""
UNROUTED = "unrouted"
"""One of its events had no delivery when the block was built. It may have one by now, never the other way round."""


def source_term(source: str) -> str:
    """An event of the source with this slug."""
    return f"source {source}"


def type_term(type_: str) -> str:
    """An event of this type."""
    return f"type {type_}"


def both_term(source: str, type_: str) -> str:
    """An event of this type of that source."""
    return f"both {source} {type_}"


def terms_of(source: str, type_: str | None, *, is_unrouted: bool) -> Collection[str]:
    """All terms of one event."""
    found = [ANY, source_term(source)]
    if type_ is not None:
        found += [type_term(type_), both_term(source, type_)]
    if is_unrouted:
        found.append(UNROUTED)
    return found
