"""What came in: one HTTP request as the vendor sent it, and nothing that a framework made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InboundRequest:
    """`url` is the public URL as the provider knows it; `headers` keeps order and repeats, values as WSGI gives
    them (bytes read as Latin-1); `body` is the raw bytes.
    """

    method: str
    url: str
    headers: Sequence[tuple[str, str]]
    body: bytes
