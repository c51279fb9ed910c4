"""What the diagnosis says: findings with a cause, how sure it is, and what to do; nothing secret in any of it.

What to do is said twice: in a sentence without words of one surface, and as hints, which each door words its own way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.errors import Hint


class Certainty(StrEnum):
    """How sure a finding is."""

    PROVEN = "proven"  # with this one thing put right, the signature fits
    LIKELY = "likely"  # what came shows it, but nothing could be tried
    POSSIBLE = "possible"  # worth a look


class Cause(StrEnum):
    """Why a request is refused. The values are promises: programs read them."""

    ACCEPTED_NOW = "accepted_now"  # with the source as it is now, it verifies
    ALGORITHM = "algorithm"  # another hash, encoding or header than the source is set to
    BODY_CHANGED = "body_changed"  # the bytes are not those that were signed
    BODY_TRUNCATED = "body_truncated"  # only its beginning was kept: it cannot be judged again
    CERTIFICATE = "certificate"  # the certificate or key set that the request names is not at hand
    CLOCK = "clock"  # authentic, but too old or from the future
    HANDSHAKE = "handshake"  # the provider asks for an answer, and its proof is missing or wrong
    HEADER_CHANGED = "header_changed"  # a header was renamed, repeated or rewritten on the way
    HEADER_MISSING = "header_missing"  # a header that the scheme needs did not arrive
    NO_CREDENTIAL = "no_credential"  # the source holds nothing to verify with
    NOT_A_SIGNATURE = "not_a_signature"  # refused for something else: size, address, rate
    OTHER_PROVIDER = "other_provider"  # the request is of another provider, or another product of the vendor
    OTHER_SCHEME = "other_scheme"  # signed by another scheme or version of the provider
    OTHER_SOURCE = "other_source"  # signed with what another source of the tenant holds
    CREDENTIAL_ENCODING = "credential_encoding"  # decoded where it should not be, or not decoded
    CREDENTIAL_ENDED = "credential_ended"  # signed with a secret that has ended
    CREDENTIAL_KIND = "credential_kind"  # an API key or the like, test instead of live
    CREDENTIAL_WRITTEN = "credential_written"  # a newline, blanks or quotes too many or too few
    URL = "url"  # the URL that was signed is not the one that the gateway believes it has
    WRONG_CREDENTIAL = "wrong_credential"  # nothing known fits: another secret, or a body changed beyond repair


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause. `sentence` says what happened, `remedy` what to do, `details` what it rests on."""

    cause: Cause
    certainty: Certainty
    sentence: str
    remedy: str
    details: Sequence[str] = ()
    hints: Sequence[Hint] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One line of what was expected, or of what came."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The whole answer. `findings` has the most certain first and is never empty; `tried` counts variations."""

    provider: str
    scheme: str | None
    accepted: bool
    reason: str | None
    detail: str
    findings: Sequence[Finding]
    expected: Sequence[Line]
    received: Sequence[Line]
    tried: int

    @property
    def is_proven(self) -> bool:
        """Whether the first finding was put to the test, and stood it."""
        return self.findings[0].certainty is Certainty.PROVEN
