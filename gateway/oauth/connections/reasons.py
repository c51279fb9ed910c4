"""Why a connection is as it is, and what helps: in words, by its state and reason. Pure.

The codes are promises: `docs/reference/connecting.md`.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.errors import Hint
from gateway.oauth.states import ConnectionState

STATES: Mapping[str, str] = {
    ConnectionState.CONNECTED: "it works, as far as is known",
    ConnectionState.DEGRADED: "it works, but not for all that was asked for",
    ConnectionState.REFRESH_UNCERTAIN: "a refresh was begun and its answer was lost; the next one tells whether the "
    "grant is still good",
    ConnectionState.NEEDS_REAUTH: "the provider does not take it any more: its customer has to connect again",
    ConnectionState.REVOKED: "somebody ended it, here or at the provider, and its secrets are gone",
}

REASONS: Mapping[str, str] = {
    "scopes_missing": "the customer, or the provider, did not grant all scopes that were asked for",
    "not_allowed": "the provider takes the credentials, and does not let them do what was tried",
    "untested": "it was stored without asking the provider whether it works",
    "credentials_refused": "the provider refused the credentials when they were tested, also after a refresh",
    "invalid_grant": "the provider does not take the refresh token: the grant was withdrawn, or it ended",
    "expired": "the access token has ended, and there is nothing to renew it with",
    "refresh_interrupted": "the process that refreshed it ended before the answer was stored",
    "refresh_answer_lost": "the provider was asked for new tokens, and its answer did not come",
    "refresh_failed": "the provider could not be asked for new tokens; it is tried again",
    "app_refused": "the provider does not take the client id or secret of the app credentials",
    "by_hand": "somebody revoked it here",
    "ended_at_provider": "the provider told by a webhook that the app was uninstalled, or its grant withdrawn",
    "revoked_here_alone": "somebody revoked it here, and the provider could not be told for a week",
}


def next_steps(
    state: str, reason: str | None, *, connection_id: str, provider: str, way: str, app_credentials: str | None
) -> list[Hint]:
    """What helps, most likely first; nothing where nothing is wrong."""
    again = (
        Hint("give_credentials_again", {"connection": connection_id, "provider": provider})
        if app_credentials is None or way in ("client_credentials", "jwt_bearer")
        else Hint("connect_again", {"connection": connection_id, "app_credentials": app_credentials})
    )
    match state:
        case ConnectionState.CONNECTED:
            return [Hint("test_connection", {"connection": connection_id})] if reason is not None else []
        case ConnectionState.DEGRADED:
            return [again, Hint("test_connection", {"connection": connection_id})]
        case ConnectionState.REFRESH_UNCERTAIN:
            return [Hint("refresh_connection", {"connection": connection_id})]
        case ConnectionState.NEEDS_REAUTH:
            if reason == "app_refused" and app_credentials is not None:
                return [Hint("rotate_app_credentials", {"name": app_credentials}), again]
            return [again]
        case _:
            return [Hint("connect_anew", {"app_credentials": app_credentials})] if app_credentials is not None else []
