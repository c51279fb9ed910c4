"""Foreign text, made fit for a log and a text column: bounded, without NUL and lone surrogates."""

from __future__ import annotations

EXCERPT_CHARACTERS = 1024


def storable(text: str) -> str:
    """At most `EXCERPT_CHARACTERS` of `text`, as both databases and every log can take it."""
    cut = text[:EXCERPT_CHARACTERS].replace("\x00", "\ufffd")
    return cut if cut.isascii() else cut.encode("utf-8", "replace").decode("utf-8")


def excerpt_of(body: bytes) -> str | None:
    """The beginning of an answer as text; None for an empty one."""
    return storable(body[:EXCERPT_CHARACTERS].decode("utf-8", "replace")) if body else None
