"""Portions of rows by their bytes."""

from __future__ import annotations

from gateway.events.portions import portions


def test_portions_are_bounded_and_keep_the_order() -> None:
    def cut(*sizes: int) -> list[list[int]]:
        return list(portions(sizes, lambda size: size, most_bytes=10))

    assert cut() == []
    assert cut(4, 6, 1) == [[4, 6], [1]]
    assert cut(20, 1, 10, 30) == [[20], [1], [10], [30]]
    assert cut(0, 0, 10, 0) == [[0, 0, 10, 0]]
