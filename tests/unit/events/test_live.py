"""What is shared by those who listen, and how an event is written for them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from gateway.errors import InvalidInput
from gateway.events.live.channel import TAKEN_FRAMES, Window
from gateway.events.live.frames import Frame, comment, frame, opening
from gateway.events.matching import matcher
from gateway.events.search import EventSummary
from tests.services.event_stream import EventStreamReader
from tests.services.for_each import for_each_row


def frames(*numbers: int) -> tuple[Frame, ...]:
    return tuple(Frame(f"evt_{number}", b"%d" % number) for number in numbers)


def test_a_window_keeps_the_last_frames_and_tells_who_is_too_late() -> None:
    window = Window().with_more(frames(0, 1), kept=3).with_more(frames(2, 3, 4), kept=3)
    assert window == Window(2, frames(2, 3, 4))
    assert window.end == 5
    assert window.after(1) is None
    assert window.after(2) == frames(2, 3, 4)
    assert window.after(4) == frames(4)
    assert window.after(5) == ()
    many = window.with_more(frames(*range(5, 500)), kept=1_000)
    assert many.after(5) == frames(*range(5, 5 + TAKEN_FRAMES))
    # Fewer are kept when there are more channels.
    assert many.with_more(frames(500), kept=2) == Window(499, frames(499, 500))


def test_an_event_is_one_frame_whatever_stands_in_it() -> None:
    event = EventSummary(
        id="evt_1",
        source="github",
        provider="github",
        type="a\nid: evt_2\n\ndata: b\u2028\r",
        dedupe_key="\U0001f600",
        received_at=datetime(2026, 1, 1, tzinfo=UTC),
        content_type=None,
        body_bytes=3,
    )
    reader = EventStreamReader()
    for byte in opening() + frame(event).data + comment("still here"):
        reader.feed(bytes([byte]))
    assert reader.ids == ["evt_1"]
    shown = json.loads(reader.events[0]["data"])
    assert (shown["type"], shown["dedupe_key"]) == (event.type, event.dedupe_key)
    assert shown.keys() == set(EventSummary.__slots__)
    assert reader.comments == ["listening", "still here"]


@for_each_row(
    ["source", "type_", "its_source", "its_type", "expected"],
    [
        (None, None, "github", None, True),
        ("github", None, "github", None, True),
        ("github", None, "stripe", "push", False),
        (None, "push", "github", "push", True),
        (None, "push", "github", "Push", False),
        (None, "push", "github", "pushed", False),
        (None, "*", "github", "push", True),
        (None, "*", "github", None, False),
        (None, "issues.*", "github", "issues", True),
        (None, "issues.*", "github", "issues.opened", True),
        (None, "issues.*", "github", "issuesXopened", False),
        (None, "a?c", "github", "a\nc", True),
        (None, "a.c", "github", "abc", False),
        ("stripe", "charge.*", "github", "charge.failed", False),
    ],
)
def test_what_is_wanted_is_told_by_source_and_type(
    source: str | None, type_: str | None, its_source: str, its_type: str | None, expected: bool
) -> None:
    assert matcher(source, type_)(its_source, its_type) is expected


def test_a_pattern_has_no_brackets() -> None:
    with pytest.raises(InvalidInput):
        matcher(None, "a[b")
