"""What the proof of a scheme covers of a request, and so what a captured request could be sent again with.

Derived from the entry alone. A signature covers what its text is made of, and what that vouches for in turn (a body
whose hash stands in a signed token). A shared secret that stands in the request covers nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.providers.webhook.covered import Covered, Extent
from gateway.providers.webhook.functions import FUNCTIONS
from gateway.providers.webhook.model import Scheme, Webhook
from gateway.providers.webhook.places import Place


class Freshness(StrEnum):
    """For how long a captured request stays valid, as far as its proof tells."""

    LIMITED = "limited"  # its time is covered, and older ones than `max_age_seconds` are refused
    EXPIRES = "expires"  # the vendor sets an end in the token
    DATED = "dated"  # its time is covered, but the scheme sets no limit
    NONE = "none"  # nothing says when it was signed


@dataclass(frozen=True, slots=True)
class Coverage:
    """What one scheme covers of a request, for a provider's events.

    `is_signed` false: the proof reveals the secret, or there is none, and nothing is covered. `url` with the query.
    `places` are single values. `single_use` are covered values that the vendor uses for one message or request only.
    `runs_fields_together`: names and values of a form are signed one behind the other, so that the same text can be cut
    into other fields. `lists_headers`: further headers that the sender chooses are covered too. `covers_type` and
    `covers_id` tell of the event's type and dedupe id, None where none is read.
    """

    is_signed: bool
    body: Extent = Extent.NONE
    url: Extent = Extent.NONE
    query: bool = False
    method: bool = False
    places: frozenset[Place] = frozenset()
    runs_fields_together: bool = False
    lists_headers: bool = False
    freshness: Freshness = Freshness.NONE
    max_age_seconds: float | None = None
    single_use: tuple[Place, ...] = ()
    covers_type: bool | None = None
    covers_id: bool | None = None

    @property
    def tells_apart(self) -> bool:
        """Whether no two events of the vendor have the same signature over the same text, so that an honest one never
        looks like a replay of another: something in the text is used once, or equal texts have equal dedupe ids. The
        latter holds for requests that have such an id; a heartbeat without any may come again unchanged.
        """
        return self.is_signed and (bool(self.single_use) or self.covers_id is True)

    @property
    def belongs_to_one_request(self) -> bool:
        """Whether a proof is made for one request. A shared secret stands in all of them, and so may a token that says
        nothing of the body: the vendor need not make another one for the next event.
        """
        return self.is_signed and (self.body in (Extent.WHOLE, Extent.CHECKSUM) or self.tells_apart)


def coverage_of(webhook: Webhook, scheme: Scheme) -> Coverage:
    """What `scheme` covers in the requests of its provider. Pure."""
    if scheme.unsigned or scheme.reveals:
        return Coverage(False, covers_type=_unless_none(webhook.event_type), covers_id=_has_id(webhook))
    covered = Covered(scheme)
    freshness, max_age_seconds = _freshness(scheme, covered)
    return Coverage(
        is_signed=True,
        body=covered.body,
        url=covered.url,
        query=covered.query,
        method=covered.has("method"),
        places=frozenset(covered.singles()),
        runs_fields_together=covered.has("form_sorted"),
        lists_headers=scheme.function is not None and FUNCTIONS[scheme.function].lists_headers,
        freshness=freshness,
        max_age_seconds=max_age_seconds,
        single_use=tuple(_single_use(scheme, covered)),
        covers_type=_covers_type(webhook, scheme, covered),
        covers_id=_covers_id(webhook, scheme, covered),
    )


def _freshness(scheme: Scheme, covered: Covered) -> tuple[Freshness, float | None]:
    jwt, timestamp = scheme.jwt, scheme.timestamp
    if scheme.function is not None:
        limit = FUNCTIONS[scheme.function].max_age_seconds
        return (Freshness.LIMITED, limit) if limit is not None else (Freshness.NONE, None)
    if jwt is not None:
        if jwt.max_age_seconds is not None and "iat" in jwt.required:
            return Freshness.LIMITED, jwt.max_age_seconds
        return (Freshness.EXPIRES if "exp" in jwt.required else Freshness.NONE), None
    if timestamp is None or not (covered.has("timestamp") or all(covered.covers(place) for place in timestamp.places)):
        return Freshness.NONE, None
    if timestamp.tolerance_seconds is None:
        return Freshness.DATED, None
    return Freshness.LIMITED, timestamp.tolerance_seconds


def _single_use(scheme: Scheme, covered: Covered) -> Iterator[Place]:
    if covered.has("id"):
        yield from scheme.message_id
    yield from scheme.nonce
    if scheme.function is not None:
        yield from FUNCTIONS[scheme.function].nonce


def _covers_type(webhook: Webhook, scheme: Scheme, covered: Covered) -> bool | None:
    batch = webhook.batch
    if batch is not None and batch.type is not None:
        return _covers_member(scheme, covered, batch.items, batch.type)
    return covered.covers_first_of(webhook.event_type) if webhook.event_type else None


def _covers_id(webhook: Webhook, scheme: Scheme, covered: Covered) -> bool | None:
    batch = webhook.batch
    if batch is not None:
        return None if batch.id is None else _covers_member(scheme, covered, batch.items, batch.id)
    return covered.covers_first_of(webhook.event_id) if webhook.event_id else None


def _covers_member(scheme: Scheme, covered: Covered, items: Place, path: tuple[str, ...]) -> bool:
    if covered.body is Extent.WHOLE:
        return True
    each = scheme.each
    if each is not None and items.path == each.items and path[: len(each.item)] == each.item:
        path = path[len(each.item) :]
        return any(place.kind == "json" and place.path == path for place in covered.singles())
    return False


def _has_id(webhook: Webhook) -> bool | None:
    if webhook.batch is not None:
        return None if webhook.batch.id is None else False
    return _unless_none(webhook.event_id)


def _unless_none(places: Sequence[Place]) -> bool | None:
    return False if places else None
