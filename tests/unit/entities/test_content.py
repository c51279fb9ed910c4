"""Equal content has equal digests, whoever wrote it down; different content has not."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.entities.content import NotJson, canonical, changed_fields, content_digest, digest, is_same, seen_digest
from tests.services.for_each import for_each_row

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@for_each_row(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (1, 1.0),
        ({"a": [1.0]}, {"a": [1]}),
        (1e16, 10**16),
        (-0.0, 0),
        ("Zoë", "Zoe\u0308"),
        ({"t": "1.0]"}, {"t": "1.0]"}),
        ((1, 2), [1, 2]),
    ],
)
def test_the_same_said_otherwise(one: Any, other: Any) -> None:
    assert canonical(one) == canonical(other)
    assert is_same(one, other)


@for_each_row(
    ("one", "other"),
    [
        (1, "1"),
        (1, True),
        ({"a": 1}, {"a": True}),
        (0, False),
        (None, {}),
        ({"a": None}, {}),
        (1.5, 1),
        (["a"], "a"),
        ("x", "x "),
        ([1, 2], [2, 1]),
    ],
)
def test_what_differs(one: Any, other: Any) -> None:
    assert digest(one) != digest(other)
    assert not is_same(one, other)


@given(JSON)
def test_a_database_gives_back_the_same(value: Any) -> None:
    assert canonical(json.loads(json.dumps(value))) == canonical(value)


@for_each_row("value", [math.nan, math.inf, "\ud800", {"a": object()}, {1, 2}])
def test_what_is_no_json_is_refused(value: Any) -> None:
    with pytest.raises(NotJson):
        canonical(value)


def test_endless_depth_is_refused() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(NotJson):
        canonical(deep)


def test_each_part_counts() -> None:
    parts = ("n", {"a": 1}, "on", "p", "kitchen")
    one = content_digest(*parts)  # type: ignore[arg-type]
    assert len(one) == 16
    for place in range(5):
        other = [*parts]
        other[place] = {} if place == 1 else None
        assert content_digest(*other) != one  # type: ignore[arg-type]


def test_changes_by_field() -> None:
    before, after = {"a": 1, "gone": 2, "same": {"x": 1.0}}, {"a": 3, "new": None, "same": {"x": 1}}
    assert changed_fields(before, after) == {"a": (1, 3), "gone": (2, None), "new": (None, None)}


def test_ids_of_all_lengths_have_numbers() -> None:
    assert len({seen_digest("x" * length) for length in range(10_000)}) == 10_000
    assert 0 <= seen_digest("a") < 2**64
