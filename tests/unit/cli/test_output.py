"""Tables, ages and what may reach a terminal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.cli.terminal.bodies import pretty
from gateway.cli.terminal.output import age, aligned, printable, show
from gateway.clock import iso

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ID = "evt_33ks7uheipsjg0000000000000"


def test_columns_are_aligned_and_nothing_is_cut() -> None:
    lines = aligned(("event", "type"), [(ID, "push"), ("evt_1", "x" * 300)])
    assert lines[0].split() == ["EVENT", "TYPE"]
    assert {line.index(word) for line, word in zip(lines, ("TYPE", "push", "xxx"), strict=True)} == {len(ID) + 2}
    assert lines[2].endswith("x" * 300)


@pytest.mark.parametrize(
    ("distance", "text"),
    [
        (timedelta(seconds=0.4), "now"),
        (timedelta(seconds=59), "59 s ago"),
        (timedelta(minutes=3, seconds=10), "3 min ago"),
        (timedelta(hours=-2), "in 2 h"),
        (timedelta(days=40), "40 d ago"),
    ],
)
def test_age(distance: timedelta, text: str) -> None:
    assert age(distance) == text


def test_times_are_utc_and_have_an_age_on_a_terminal_only() -> None:
    assert iso(NOW) == "2026-05-01T12:00:00.000Z"
    assert show(NOW) == "2026-05-01T12:00:00.000Z"
    assert show(NOW - timedelta(hours=1), now=NOW) == "2026-05-01T11:00:00.000Z (1 h ago)"


@pytest.mark.parametrize("evil", ["\x1b[2J", "a\tb", "a\nb", "\x9b31m", "\u202egpj.exe"])
def test_text_from_outside_cannot_write_to_the_terminal(evil: str) -> None:
    shown = printable(evil)
    assert shown.isprintable()
    assert "\\" in shown


def test_bodies() -> None:
    assert pretty(b'{"a":[1]}') == '{\n  "a": [\n    1\n  ]\n}'
    assert pretty(b"line\x1b[0m\nline") == "line\\u001b[0m\nline"
    assert pretty(b"\xff\xfe").startswith("[2 bytes that are not text")
    assert pretty(b"[" * 100_000).startswith("[[[")
