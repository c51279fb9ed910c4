"""What happened: event type and dedupe id of an authentic request, and the single events of a batch.

A type that cannot be kept as text (NUL, lone surrogates, longer than 255 characters) counts as absent. An id is given
as it came: whoever stores it must keep it distinct, whatever it holds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from gateway.content import jsontext
from gateway.providers.webhook.model import Batch
from gateway.providers.webhook.places import Place
from gateway.webhooks.verification.reading import Reading
from gateway.webhooks.verification.values import text_of, to_bytes
from gateway.webhooks.verification.verdict import BatchEvent

MAX_CHARACTERS = 255
# Every event of a batch becomes rows, and all of them go into one transaction.
MAX_BATCH_EVENTS = 1000

Identify = Callable[[Reading], str | None]
Split = Callable[[Reading], tuple[BatchEvent, ...]]


def typed_by(places: Sequence[Place]) -> Identify:
    """The first text of these places that can be kept, or None."""
    return _first(places, usable)


def identified_by(places: Sequence[Place]) -> Identify:
    """The first text of these places that is not empty, or None."""
    return _first(places, lambda _text: True)


def _first(places: Sequence[Place], is_good: Callable[[str], bool]) -> Identify:
    readers = tuple(text_of(place) for place in places)

    def identify(reading: Reading) -> str | None:
        for read in readers:
            text = read(reading)
            if text and is_good(text):
                return text
        return None

    return identify


def usable(text: str) -> bool:
    """Whether every database and every header can hold this text."""
    return len(text) <= MAX_CHARACTERS and text.isprintable()


def split_of(batch: Batch) -> Split:
    """Cut a batch into its events; each body is the element's exact bytes. One that is too large stays whole."""
    place = batch.items

    def event_of(element: jsontext.Element) -> BatchEvent:
        return BatchEvent(_type(element.value, batch.type), _member(element.value, batch.id), to_bytes(element.text))

    def split(reading: Reading) -> tuple[BatchEvent, ...]:
        if reading.first is not None:
            return (event_of(reading.first),)
        text = _body_text(reading.body) if place.kind == "json" else reading.form(place.name)
        if not text or jsontext.has_too_many_values(text, jsontext.MAX_VALUES):
            return ()
        return tuple(event_of(element) for element in jsontext.elements(text, place.path, most=MAX_BATCH_EVENTS))

    return split


def _body_text(body: bytes) -> str:
    try:
        return body.decode(json.detect_encoding(body), "surrogatepass")
    except UnicodeDecodeError:
        return ""


def _type(value: object, path: tuple[str, ...] | None) -> str | None:
    text = _member(value, path)
    return text if text and usable(text) else None


def _member(value: object, path: tuple[str, ...] | None) -> str | None:
    return (jsontext.as_text(jsontext.walk(value, path)) or None) if path is not None else None
