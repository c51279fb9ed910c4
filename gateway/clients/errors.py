"""What can go wrong between us and an external system: one tree, below the product's own.

Foreign exceptions never leave this package; they are the `__cause__` at most, and never quoted: they name URLs. What a
system said is shortened, and stripped of secrets that can be recognised.

    IntegrationError
    ├── ConnectionFailed          no connection: name, address, TLS, refused, cut off before an answer came
    ├── DeadlineExceeded          no whole answer in the time that the call had
    ├── Unavailable               the system says that it cannot now (5xx, and what means the same)
    ├── RateLimited               too many calls, by the system's word or by our own limit
    │   └── QuotaExhausted        a quota that waiting does not mend
    ├── CircuitOpen               not sent: the system failed too often just now
    ├── AuthenticationFailed      the system does not know our credentials
    ├── AuthorizationFailed       it knows them, and they may not do this
    ├── RemoteNotFound            there is no such thing
    ├── RemoteConflict            it changed meanwhile, or is there already
    ├── PositionExpired           the cursor or mark to go on from is too old: read from the beginning
    ├── RequestRefused            what was sent is not what the system takes
    └── ProtocolFault             what came is not what was agreed: not HTTP, not JSON, a redirect, without an end
        ├── ResponseTooLarge      more bytes than the call takes
        └── ResponseInvalid       well-formed, and not of the promised shape
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gateway.errors import GatewayError, Hint


@dataclass(frozen=True, slots=True)
class FailedCall:
    """What is known of a call that failed.

    `path` is its template, without what was put into it. `status` is None when no answer came. `vendor_code` is the
    system's own word for what happened, `request_id` its name for the call, which its support asks for. `excerpt` is
    the beginning of what it said. `tries` counts requests that were sent. `may_have_happened`: the system may have
    carried out a write although we do not know it.
    """

    system: str = ""
    method: str = ""
    path: str = ""
    status: int | None = None
    vendor_code: str | None = None
    request_id: str | None = None
    excerpt: str = ""
    tries: int = 0
    may_have_happened: bool = False


class IntegrationError(GatewayError):
    """A call to an external system that did not succeed.

    `retry_after_seconds` is when the same call may succeed, None when nobody said.
    """

    code: ClassVar[str] = "integration_failed"
    http_status: ClassVar[int] = 502

    def __init__(
        self, message: str, *hints: Hint, call: FailedCall | None = None, retry_after_seconds: float | None = None
    ) -> None:
        self.call = call or FailedCall()
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message, *hints)


class ConnectionFailed(IntegrationError):
    """No connection, or one that was cut before an answer came."""

    code = "connection_failed"
    retryable = True


class DeadlineExceeded(IntegrationError):
    """The call had no whole answer in its time."""

    code = "deadline_exceeded"
    http_status = 504
    retryable = True


class Unavailable(IntegrationError):
    """The system says that it cannot answer now."""

    code = "system_unavailable"
    http_status = 503
    retryable = True


class RateLimited(IntegrationError):
    """Too many calls: the system said so, or our own limit did before it would."""

    code = "system_rate_limited"
    http_status = 429
    retryable = True


class QuotaExhausted(RateLimited):
    """A quota that is not a matter of waiting: somebody has to pay, or to ask for more."""

    code = "quota_exhausted"
    retryable = False


class CircuitOpen(IntegrationError):
    """Nothing was sent: the system failed too often just now. Tried again after `retry_after_seconds`."""

    code = "circuit_open"
    http_status = 503
    retryable = True


class AuthenticationFailed(IntegrationError):
    """The system does not take our credentials, also after they were renewed where that is possible."""

    code = "authentication_failed"


class AuthorizationFailed(IntegrationError):
    """The credentials are good, and may not do this."""

    code = "authorization_failed"


class RemoteNotFound(IntegrationError):
    """The system has no such thing, or does not show it to us."""

    code = "remote_not_found"
    http_status = 404


class RemoteConflict(IntegrationError):
    """The thing changed meanwhile, or is there already."""

    code = "remote_conflict"
    http_status = 409


class PositionExpired(IntegrationError):
    """The system no longer knows the cursor or mark to go on from: the list has to be read from the beginning."""

    code = "position_expired"
    http_status = 410


class RequestRefused(IntegrationError):
    """What was sent is not what the system takes: a field, a value, a parameter."""

    code = "request_refused"
    http_status = 422


class ProtocolFault(IntegrationError):
    """What came is not what was agreed."""

    code = "protocol_fault"


class ResponseTooLarge(ProtocolFault):
    """The answer has more bytes than the call takes."""

    code = "response_too_large"


class ResponseInvalid(ProtocolFault):
    """The answer is well-formed, and not of the promised shape."""

    code = "response_invalid"
