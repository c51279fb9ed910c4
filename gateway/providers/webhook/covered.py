"""Which values of a request a signature vouches for: those of its text, and those that its checks compare with them.

What follows from that for whoever captured a request is in `coverage`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

from gateway.providers.webhook.functions import FUNCTIONS
from gateway.providers.webhook.model import Scheme
from gateway.providers.webhook.parts import Check
from gateway.providers.webhook.places import Place, places_of

_MEMBERS = frozenset({"form", "form_json", "json", "json_key"})
_IN_THE_BODY = _MEMBERS | {"body", "form_sorted"}
# What another body can be made to have at will.
_CHECKSUMS = frozenset({"crc32"})


class Extent(StrEnum):
    """How much of a thing is covered."""

    WHOLE = "whole"  # all of it: nothing can be changed
    CHECKSUM = "checksum"  # a checksum of it, which another one can be made to have
    PARTS = "parts"  # single values, named in `Coverage.places`; the rest can be changed
    NONE = "none"


class Covered:
    """The places that a signature vouches for: those of its text, and those that its checks compare with them."""

    def __init__(self, scheme: Scheme) -> None:
        self._scheme = scheme
        self._places: list[Place] = []
        self._add(_signed_places(scheme))
        # A check compares two values; where one is covered, so is the other. Only those that always apply count.
        for check in (*scheme.checks, *(scheme.jwt.checks if scheme.jwt is not None else ())):
            if _always_applies(check) and self.covers(check.value) and check.equals is not None:
                self._add(place for place in places_of(check.equals) if place.kind != "option")

    def _add(self, places: Iterable[Place]) -> None:
        self._places += places
        self._kinds = {place.kind for place in self._places}
        self.url, self.query = self._url()
        self.body = self._body()

    def has(self, kind: str) -> bool:
        return kind in self._kinds or (kind in ("method", "path", "query") and "atlassian_qsh" in self._kinds)

    def covers(self, place: Place) -> bool:
        """Whether the value of `place` cannot be changed without spoiling the proof."""
        match place.kind:
            case "claim":
                return self._scheme.jwt is not None
            case "timestamp" | "id":
                return place.kind in self._kinds
            case "query" if place.name:
                return self.query or self._has_single(place)
            case "segment" | "path" | "host":
                return self.url is Extent.WHOLE or self.has("path")
            case "method":
                return self.has("method")
            case kind if kind in _IN_THE_BODY:
                return self.body is Extent.WHOLE or self._has_single(place)
            case _:
                return self._has_single(place)

    def covers_first_of(self, places: Sequence[Place]) -> bool:
        """Whether the value that counts, the first present, is covered. Whoever sends a request chooses what is there:
        alternatives behind one that the scheme insists on never count, all others have to be covered.
        """
        for place in places:
            if self._scheme.bodiless and place.kind in _IN_THE_BODY:
                continue
            if not self.covers(place):
                return False
            if place.key in self._needed:
                return True
        return True

    def singles(self) -> Iterator[Place]:
        """Single values: headers, and parts of the body and of the query where those are not covered whole."""
        kinds = {"header"} if self.body is not Extent.PARTS else {"header", *_MEMBERS}
        for place in self._all_places():
            if place.kind in kinds or (place.kind == "query" and place.name and not self.query):
                yield place

    def _all_places(self) -> Iterator[Place]:
        yield from self._places
        yield from (self._scheme.message_id if "id" in self._kinds else ())
        if self._scheme.timestamp is not None and "timestamp" in self._kinds:
            yield from self._scheme.timestamp.places

    def _has_single(self, place: Place) -> bool:
        return any(one.key == place.key for one in self._all_places())

    @property
    def _needed(self) -> frozenset[tuple[str, str, tuple[str, ...]]]:
        """The values without which no request is accepted."""
        scheme = self._scheme
        needed = [part for text in scheme.signs[:1] for part in text.parts if isinstance(part, Place)]
        named = scheme.message_id if len(scheme.message_id) == 1 and "id" in self._kinds else ()
        return frozenset(place.key for place in (*needed, *named) if not place.optional)

    def _url(self) -> tuple[Extent, bool]:
        if "url" in self._kinds:
            return Extent.WHOLE, True
        query = any(place.kind == "query" and not place.name for place in self._places) or self.has("atlassian_qsh")
        is_part = query or any(self.has(kind) for kind in ("url_base", "path", "host"))
        return (Extent.PARTS if is_part else Extent.NONE), query

    def _body(self) -> Extent:
        bodies = [place for place in self._places if place.kind == "body"]
        if "form_sorted" in self._kinds or any(not _CHECKSUMS & set(place.filters) for place in bodies):
            return Extent.WHOLE
        if bodies:
            return Extent.CHECKSUM
        in_token = self._scheme.jwt is not None and any(place.kind in _MEMBERS for place in self._scheme.jwt.places)
        return Extent.PARTS if in_token or self._kinds & _MEMBERS else Extent.NONE


def _signed_places(scheme: Scheme) -> Iterator[Place]:
    function = FUNCTIONS.get(scheme.function or "")
    if function is not None:
        yield from places_of(function.covers)
    elif scheme.signs:
        # Of several texts that may have been signed, what all of them hold.
        texts = [list(places_of(template)) for template in scheme.signs]
        yield from (place for place in texts[0] if all(place in others for others in texts[1:]))


def _always_applies(check: Check) -> bool:
    # `if_body` compares whenever there is something to compare.
    return not check.if_present and check.if_option is None
