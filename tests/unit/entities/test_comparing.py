"""What says the same although it is written otherwise, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.entities.comparing import ABSENT, same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a", "a  \n"),
        ("caf\u00e9", "cafe\u0301"),
        ("2026-11-27T12:00:00Z", "2026-11-27T13:00:00+01:00"),
        ("2026-11-27T12:00:00.000+0000", "2026-11-27t12:00:00z"),
        ("one\r\ntwo", "one\ntwo"),
        (1, 1.0),
        ("5", 5),
        (5.5, "5.50"),
        ("-3", -3),
        ({"a": 1, "b": [2]}, {"b": ["2"], "a": 1.0}),
        ([], ()),
        (None, None),
        (ABSENT, ABSENT),
    ],
)
def test_what_is_written_otherwise_is_the_same(one: Any, other: Any) -> None:
    assert same(one, other)
    assert same(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ABSENT, None),
        (None, ""),
        (None, 0),
        (None, False),
        (0, False),
        (1, True),
        ("true", True),
        ("a", "A"),
        ("a b", "a  b"),
        (" a", "a"),
        # A version, a postal code: texts that look like numbers are texts.
        ("1.10", "1.1"),
        ("007", 7),
        ("1e3", 1000),
        ("2026-11-27T12:00:00", "2026-11-27T12:00:00Z"),
        ("2026-99-27T12:00:00Z", "2026-99-27T12:00:00+00:00"),
        ([1, 2], [2, 1]),
        ([1], [1, 1]),
        ("ab", ["a", "b"]),
        ({"a": None}, {}),
        (float("inf"), "inf"),
    ],
)
def test_what_somebody_could_have_meant_is_a_difference(one: Any, other: Any) -> None:
    assert not same(one, other)
    assert not same(other, one)
