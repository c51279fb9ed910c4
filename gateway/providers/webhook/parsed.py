"""Whether a scheme has a body parsed before it is known who sent it: what its price may be, derived from the entry."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.providers.webhook.functions import FUNCTIONS
from gateway.providers.webhook.model import Scheme
from gateway.providers.webhook.places import Place, places_of

_PARSED = frozenset({"form", "form_json", "form_sorted", "json", "json_key"})


def parses_body(scheme: Scheme) -> bool:
    """Whether anything that is read to check the proof lies in the body as data, and not in its bytes as they are."""
    return scheme.each is not None or any(place.kind in _PARSED for place in _read_unverified(scheme))


def _read_unverified(scheme: Scheme) -> Iterator[Place]:
    for template in scheme.signs:
        yield from places_of(template)
    for part in (scheme.signature, scheme.token, scheme.jwt):
        yield from part.places if part is not None else ()
    yield from scheme.message_id
    yield from (condition.place for condition in scheme.when)
    if scheme.key.url is not None:
        yield scheme.key.url
    if scheme.function is not None:
        yield from FUNCTIONS[scheme.function].proof
        yield from places_of(FUNCTIONS[scheme.function].covers)
