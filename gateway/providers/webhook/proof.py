"""Where requests carry what proves them, and where that is a shared secret itself.

A signature proves without revealing: it is worth nothing without its secret. A token, a Basic password or a verify
token is the secret, so that whoever reads it can send anything: it is kept sealed, shown to nobody and not passed on.
Pure; what is done with the places is the matter of whoever asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from gateway.providers.webhook.functions import FUNCTIONS
from gateway.providers.webhook.model import Scheme, Webhook
from gateway.providers.webhook.places import Place, parse_place, places_of

AUTHORIZATION = parse_place("header:Authorization")
EVERY = "*"
"""In a JSON path: every element of an array."""


@dataclass(frozen=True, slots=True)
class Carriers:
    """Places by the part of a request that they lie in.

    `headers` are names in lower case, `query` and `form` names as they are written. `json` are paths, with `EVERY` for
    each element of an array; `form_json` the same, behind a form field's name. `segments` are positions in the URL's
    path, counted from the end when negative.
    """

    headers: frozenset[str] = frozenset()
    query: frozenset[str] = frozenset()
    form: frozenset[str] = frozenset()
    json: frozenset[tuple[str, ...]] = frozenset()
    form_json: frozenset[tuple[str, ...]] = frozenset()
    segments: frozenset[int] = frozenset()

    def __or__(self, other: Carriers) -> Carriers:
        return Carriers(
            self.headers | other.headers,
            self.query | other.query,
            self.form | other.form,
            self.json | other.json,
            self.form_json | other.form_json,
            self.segments | other.segments,
        )


def shared_secrets(webhook: Webhook) -> Carriers:
    """Where a shared secret travels in the requests of a provider, whichever scheme is chosen; handshakes too."""
    return joined(chain((shared_secrets_of(scheme) for scheme in webhook.schemes), [_handed_over(webhook)]))


def shared_secrets_of(scheme: Scheme) -> Carriers:
    """Where a shared secret travels in the requests of one scheme; nowhere for those that sign."""
    return _carriers(proof_places(scheme), scheme) if scheme.reveals else Carriers()


def proofs(webhook: Webhook) -> Carriers:
    """Where the requests of a provider carry any proof: secrets, signatures and signed tokens."""
    found = (_carriers(proof_places(scheme), scheme) for scheme in webhook.schemes)
    return joined(chain(found, [_handed_over(webhook)]))


def joined(several: Iterable[Carriers]) -> Carriers:
    """All places of `several`."""
    found = Carriers()
    for one in several:
        found |= one
    return found


def proof_places(scheme: Scheme) -> tuple[Place, ...]:
    """The places of a scheme's proof, as alternatives; none where nothing is proved."""
    part = scheme.signature or scheme.token or scheme.jwt
    if part is not None:
        return part.places
    if scheme.function is not None:
        return FUNCTIONS[scheme.function].proof
    return (AUTHORIZATION,) if scheme.family == "basic" else ()


def _handed_over(webhook: Webhook) -> Carriers:
    """What a handshake brings as the secret, or is compared with a value that only the vendor was told."""
    return _carriers(_handshake_secrets(webhook))


def _handshake_secrets(webhook: Webhook) -> Iterator[Place]:
    for handshake in webhook.handshakes:
        if handshake.store_secret is not None:
            yield handshake.store_secret
        for check in () if handshake.signed else handshake.checks:
            if check.equals is not None and any(place.kind == "option" for place in places_of(check.equals)):
                yield check.value


def _carriers(places: Iterable[Place], scheme: Scheme | None = None) -> Carriers:
    names: dict[str, set[str]] = {"header": set(), "query": set(), "form": set()}
    paths: dict[str, set[tuple[str, ...]]] = {"json": set(), "form_json": set()}
    segments: set[int] = set()
    for place in places:
        if place.kind in names and place.name:
            names[place.kind].add(place.name)
        elif place.kind == "json":
            paths["json"].add(_from_the_top(place, scheme))
        elif place.kind == "form_json":
            paths["form_json"].add((place.name, *place.path))
        elif place.kind == "segment":
            segments.add(int(place.name))
    return Carriers(
        frozenset(names["header"]),
        frozenset(names["query"]),
        frozenset(names["form"]),
        frozenset(paths["json"]),
        frozenset(paths["form_json"]),
        frozenset(segments),
    )


def _from_the_top(place: Place, scheme: Scheme | None) -> tuple[str, ...]:
    """The path of a JSON place from the document's top, also where each element of an array is verified."""
    each = scheme.each if scheme is not None else None
    return place.path if each is None else (*each.items, EVERY, *each.item, *place.path)
