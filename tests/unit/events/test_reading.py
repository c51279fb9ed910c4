"""Reading a stream of events: what is whole, each once, in memory that does not grow."""

from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.events.live.reading import ENOUGH, Seen, StreamReader
from gateway.events.search import PREFIX
from gateway.security.identifiers import earliest_id

EVENTS = [{"id": f"evt_{number}", "type": "é"} for number in range(3)]
STREAM = b"retry: 2000\n: listening\n\n" + b": still here\n\n".join(
    f"id: {event['id']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode() for event in EVENTS
)
START_US = 1_790_000_000_000_000
SECOND_US = 1_000_000


@given(st.lists(st.integers(0, len(STREAM)), max_size=6))
def test_whatever_the_pieces_are_the_events_are_the_same(cuts: list[int]) -> None:
    reader = StreamReader()
    places = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[begin:end] for begin, end in pairwise(places)]
    assert [event for piece in pieces for event in reader.feed(piece)] == EVENTS


def at(seconds: float) -> str:
    return earliest_id(PREFIX, START_US + round(seconds * SECOND_US))


def test_it_goes_on_after_the_newest_that_was_told() -> None:
    seen = Seen()
    seen.begin(at(0))
    assert seen.position == at(0)
    seen.add(at(3))
    seen.add(at(2))
    seen.begin(at(9))
    assert seen.position == at(3)
    assert [seen.knows(at(seconds)) for seconds in (1, 2, 3)] == [False, True, True]


def test_what_may_be_told_again_is_remembered_and_no_more() -> None:
    seen = Seen()
    for hundredth in range(20 * ENOUGH):
        seen.add(at(hundredth / 100))
    last = 20 * ENOUGH / 100
    assert all(seen.knows(at(last - back / 100)) for back in range(1, 1_000))
    assert seen.remembered <= 2 * ENOUGH
