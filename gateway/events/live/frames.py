"""Events as server-sent events (WHATWG HTML, 9.2): UTF-8, one event a frame, comments for what is no event. Pure."""

from __future__ import annotations

import json
from typing import NamedTuple

from gateway.events.schema import EventSchema
from gateway.events.search import EventSummary

# After so long a client that was cut off connects again.
RETRY_MS = 2_000

_SCHEMA = EventSchema()


class Frame(NamedTuple):
    """An event as it is sent, and its id."""

    event_id: str
    data: bytes


def frame(event: EventSummary) -> Frame:
    """The event without its contents, in one line of JSON; its id is what `Last-Event-ID` takes."""
    # Without `event:`, so that whoever listens to messages hears all of them. JSON in ASCII has no line breaks.
    return Frame(event.id, f"id: {event.id}\ndata: {json.dumps(_SCHEMA.dump(event))}\n\n".encode("ascii"))


def comment(text: str) -> bytes:
    """What a client ignores: a sign of life, or words for whoever looks at the stream."""
    return f": {text}\n\n".encode()


def opening() -> bytes:
    """What a stream begins with."""
    return f"retry: {RETRY_MS}\n".encode() + comment("listening")
