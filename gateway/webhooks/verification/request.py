"""What came in: one HTTP request as the vendor sent it, and nothing that a framework made of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class InboundRequest(NamedTuple):
    """`url` is the public URL as the provider knows it; `headers` keeps order and repeats, values as WSGI gives
    them (bytes read as Latin-1); `body` is the raw bytes. All may carry tokens, so none of it shows in a repr.
    """

    method: str
    url: str
    headers: Sequence[tuple[str, str]]
    body: bytes

    def __repr__(self) -> str:
        return f"InboundRequest({self.method})"
