"""A section of an entry that is made when it is first asked for: most processes never ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Made = TypeVar("Made")


class Later(Generic[Made]):
    """What `make` gives, made once, and then always the same object."""

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], Made]) -> None:
        self._make = make
        self._made: list[Made] = []

    def get(self) -> Made:
        """The section. Of two threads that make it at once, both are given one's."""
        if not self._made:
            self._made.append(self._make())
        return self._made[0]
