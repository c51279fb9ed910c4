"""What a provider did wrong, or said no to. No message of these quotes a token, a code, a secret or a whole answer."""

from __future__ import annotations

from gateway.errors import GatewayError, Hint


class ProviderError(GatewayError):
    """Root of these: a call to a provider gave nothing that can be used."""

    code = "provider_error"
    http_status = 502


class ProviderRefused(ProviderError):
    """The provider understood and said no. `error` is its code (RFC 6749, 5.2: `invalid_grant`, …)."""

    code = "provider_refused"

    def __init__(self, error: str, description: str | None = None, *hints: Hint) -> None:
        self.error = error
        self.description = description
        super().__init__(f"the provider says {error}" + (f": {description}" if description else ""), *hints)


class ProviderUnavailable(ProviderError):
    """No answer, or one that says that it may work later: a connection error, a timeout, 429, 5xx.

    `retry_after_seconds` is what the provider asked for. `was_sent` False: nothing can have happened there, because the
    request never left, or was turned away (429).
    """

    code = "provider_unavailable"
    retryable = True

    def __init__(self, message: str, *, retry_after_seconds: float | None = None, was_sent: bool = True) -> None:
        self.retry_after_seconds = retry_after_seconds
        self.was_sent = was_sent
        super().__init__(message)


class ProviderAnswerInvalid(ProviderError):
    """A success that holds nothing usable: HTML, no token, too large, wrong types, an ID token that does not verify."""

    code = "provider_answer_invalid"


class CallbackRefused(ProviderError):
    """A callback that cannot be trusted. `reason` is a code: `malformed`, `value_refused`, `signature_mismatch`,
    `issuer_missing` or `issuer_mismatch`.
    """

    code = "callback_refused"
    http_status = 400

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)
