"""Why nothing was stored."""

from __future__ import annotations

from gateway.errors import GatewayError


class CredentialsRefused(GatewayError):
    """The provider does not take what was given."""

    code = "credentials_refused"
    http_status = 422


class TrialFailed(GatewayError):
    """Nobody can say whether what was given is good."""

    code = "connection_trial_failed"
    http_status = 502
    retryable = True
