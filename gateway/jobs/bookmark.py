"""Where long work is: given to a use case of many transactions, so that it can be gone on with. `JobRun` is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Bookmark(Protocol):
    """How far the work is: kept with the transaction in which it is set, or not at all."""

    position: Mapping[str, Any] | None
    """What was set last, None at the beginning. JSON."""

    def progress(self, done: int, total: int | None = None, line: str | None = None) -> None:
        """Tell people how far it is."""


class InMemoryBookmark:
    """Kept for as long as the process lives, and told to nobody."""

    def __init__(self) -> None:
        self.position: Mapping[str, Any] | None = None

    def progress(self, done: int, total: int | None = None, line: str | None = None) -> None:
        return None
