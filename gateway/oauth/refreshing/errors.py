"""Why there is no token of a connection."""

from __future__ import annotations

from gateway.errors import GatewayError


class ConnectionUnusable(GatewayError):
    """The connection gives no token until a person does something. `reason` is the connection's own."""

    code = "connection_unusable"
    http_status = 409

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        self.reason = reason
        super().__init__(message)


class ConnectionNeedsReauth(ConnectionUnusable):
    """Its grant is broken: the customer has to connect again."""

    code = "connection_needs_reauth"


class ConnectionRevoked(ConnectionUnusable):
    """Somebody ended it."""

    code = "connection_revoked"


class RefreshHeldBack(GatewayError):
    """It could not be renewed just now, and it is too early for the next try."""

    code = "connection_refresh_failed"
    http_status = 503
    retryable = True

    def __init__(self, message: str, *, retry_after_seconds: float) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message)
