"""What a person types for a field, as a value."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.entities.comparing import ABSENT
from gateway.entities.editing.values import valued


@pytest.mark.parametrize(
    ("typed", "current", "value"),
    [
        ("on", ABSENT, "on"),
        ("120", ABSENT, 120),
        ("1.5", 1, 1.5),
        ("true", False, True),
        ("null", "text", None),
        ('["a","b"]', ABSENT, ["a", "b"]),
        ('{"a":1}', None, {"a": 1}),
        # A field that has a text keeps having one, unless it is emptied or given JSON that is no scalar.
        ("8001", "8002", "8001"),
        ("true", "maybe", "true"),
        ('"8001"', 8002, "8001"),
        ('"null"', "x", "null"),
        ("0041", ABSENT, "0041"),
        ("+41", ABSENT, "+41"),
        ("NaN", ABSENT, "NaN"),
        ("Infinity", ABSENT, "Infinity"),
        ("", "x", ""),
        ("[1", ABSENT, "[1"),
    ],
)
def test_json_where_it_is_some_and_else_the_text(typed: str, current: Any, value: Any) -> None:
    found = valued(typed, current)
    assert found == value
    assert type(found) is type(value)
