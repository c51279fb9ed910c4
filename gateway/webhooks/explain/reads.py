"""What a scheme reads of a request: which headers it needs, and which values it takes from where."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.providers import Provider, Scheme
from gateway.providers.webhook.functions import FUNCTIONS
from gateway.providers.webhook.places import Place, places_of
from gateway.providers.webhook.proof import proof_places


def proof_headers(scheme: Scheme) -> tuple[str, ...]:
    """The names of the headers with the proof, as the vendor writes them; alternatives, or all optional."""
    return tuple(header_name(place) for place in proof_places(scheme) if place.kind == "header")


def needed_headers(scheme: Scheme) -> tuple[str, ...]:
    """Every header without which the scheme cannot accept, the proof's first; of alternatives only the first."""
    names = [*proof_headers(scheme)[:1], *_function_headers(scheme)]
    for places in (scheme.timestamp.places if scheme.timestamp is not None else (), scheme.message_id):
        names += [header_name(place) for place in places[:1] if place.kind == "header"]
    for template in scheme.signs:
        needed = (part for part in template.parts if isinstance(part, Place) and not part.optional)
        names += [header_name(part) for part in needed if part.kind == "header"]
    return tuple(dict.fromkeys(names))


def vendor_headers(provider: Provider) -> frozenset[str]:
    """The lower-case names of all headers that the provider's entry speaks of, common ones left out."""
    webhook = provider.webhook
    places = [*webhook.event_type, *webhook.event_id]
    for scheme in webhook.schemes:
        places += [*proof_places(scheme), *scheme.message_id, *(c.place for c in scheme.when)]
        places += scheme.timestamp.places if scheme.timestamp is not None else ()
        places += [check.value for check in scheme.checks]
        places += [place for template in scheme.signs for place in places_of(template)]
    names = {place.name for place in places if place.kind == "header"}
    names |= {name.lower() for scheme in webhook.schemes for name in _function_headers(scheme)}
    return frozenset(names - {"authorization", "content-type", "host"})


def header_name(place: Place) -> str:
    """The header's name as the entry writes it."""
    return place.text.partition(":")[2].partition("|")[0].rstrip("?")


def all_headers(scheme: Scheme) -> Iterator[str]:
    """Every header with a part in the proof: needed ones, and the alternatives."""
    yield from dict.fromkeys((*needed_headers(scheme), *proof_headers(scheme)))


def _function_headers(scheme: Scheme) -> tuple[str, ...]:
    """What a function covers of the headers, which the notation of the scheme cannot tell."""
    if scheme.function is None:
        return ()
    return tuple(header_name(place) for place in places_of(FUNCTIONS[scheme.function].covers) if place.kind == "header")
