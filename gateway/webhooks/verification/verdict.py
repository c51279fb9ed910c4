"""What was decided about a request, and why.

A shell looks at `handshake` first: when it is set, that answer is given and nothing is stored. Then at `accepted`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Reason(StrEnum):
    """Why a request was rejected: the codes of the answer (401, 413 for a body), the rejection log and the metric."""

    SIGNATURE_MISSING = "signature_missing"  # no signature, token or signed header where the scheme wants one
    SIGNATURE_MISMATCH = "signature_mismatch"  # well-formed, but not made with a secret or key of this source
    SIGNATURE_MALFORMED = (
        "signature_malformed"  # cannot be read: encoding, prefix, version, repeated header, clock text
    )
    TIMESTAMP_MISSING = "timestamp_missing"  # the scheme signs a time and there is none
    TIMESTAMP_OUT_OF_TOLERANCE = "timestamp_out_of_tolerance"  # authentic, but too old or from the future
    BODY_TOO_LARGE = "body_too_large"  # more would have to be parsed than may be before the signature is checked


class BatchEvent(NamedTuple):
    """One event of a batch; `body` is its exact bytes, cut out of the request, and does not show in a repr."""

    type: str | None
    id: str | None
    body: bytes

    def __repr__(self) -> str:
        return f"BatchEvent({self.type!r}, {self.id!r})"


@dataclass(frozen=True, slots=True)
class Handshake:
    """The answer that the vendor wants. `store_secret` is to be kept as the source's secret, encrypted; `fetch` is a
    URL to get through the guarded client before answering. Neither shows in a repr.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    store_secret: str | None = field(default=None, repr=False)
    fetch: str | None = field(default=None, repr=False)
    id: str = ""


@dataclass(frozen=True, slots=True)
class SignedText:
    """What a signature covers, or several: one text for each. May hold a secret, so it does not show in a repr."""

    texts: tuple[bytes, ...] = field(repr=False)

    def digest(self, context: str, size: int) -> bytes:
        """`size` bytes (at most 32) that are the same for equal texts in equal contexts only."""
        found = hashlib.sha256(context.encode())
        for text in self.texts:
            # With its length, so that no other division into texts comes to the same.
            found.update(b"\0%d\0" % len(text))
            found.update(text)
        return found.digest()[:size]


class Verdict(NamedTuple):
    """`accepted`: the caller is who it should be; what it sent is an event to store, unless `handshake` is set.

    A handshake that is signed is accepted too (and carries type and id); an unsigned one proves nothing and is not
    accepted, but has no `reason` either. `events` holds a batch's events and is empty for a single event, or for a
    batch without any (a heartbeat). `has_body` is false where the proof does not allow for a body: one that came is not
    the vendor's and must not be kept. `detail` says in a sentence what was wrong, with no secret and no signature.
    `signed` is what the proof covers; None where it covers nothing, as a shared secret does. `leaves_out`: the batch
    had more than `events`, which its signature does not cover.
    """

    accepted: bool
    reason: Reason | None = None
    event_type: str | None = None
    event_id: str | None = None
    events: tuple[BatchEvent, ...] = ()
    handshake: Handshake | None = None
    detail: str = ""
    scheme: str | None = None
    has_body: bool = True
    signed: SignedText | None = None
    leaves_out: bool = False
