"""Events some at a time, so that the bodies that are read together have a bound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Row = TypeVar("Row")


def portions(rows: Iterable[Row], size_of: Callable[[Row], int], *, most_bytes: int) -> Iterator[list[Row]]:
    """`rows` in their order, in portions of at most `most_bytes` by `size_of`; a larger one comes alone. Pure."""
    portion: list[Row] = []
    held = 0
    for row in rows:
        size = size_of(row)
        if portion and held + size > most_bytes:
            yield portion
            portion, held = [], 0
        portion.append(row)
        held += size
    if portion:
        yield portion
