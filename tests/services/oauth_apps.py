"""Apps for tests of the protocol: at a provider of `oauth_provider`, or at any entry of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.oauth.protocol.values import App
from gateway.providers.model import Provider
from gateway.providers.oauth.parameters import completed
from tests.services.oauth_authority import CLIENT_ID, CLIENT_SECRET
from tests.services.oauth_entries import PLAIN, loaded
from tests.services.oauth_provider import OAuthProvider

BACK = "https://gateway.example/oauth/callback"


def app_at(server: OAuthProvider, kind: str = PLAIN, **changes: Any) -> App:
    """An app of the entry `kind` of `oauth_entries`, changed by `changes`."""
    return app_of(loaded(server, kind, **changes))


def app_of(
    provider: Provider,
    *,
    client_id: str = CLIENT_ID,
    secrets: Mapping[str, str] = {"client_secret": CLIENT_SECRET},
    parameters: Mapping[str, str] = {},
) -> App:
    """An app of a catalogue's entry, with the parameters that it needs."""
    assert provider.oauth is not None
    return App(
        id="app_1",
        name="the app",
        provider=provider.id,
        oauth=provider.oauth,
        client_id=client_id,
        secrets=secrets,
        parameters=completed(provider.oauth.parameters, parameters, plain_http=True),
        redirect_uri=BACK,
        gateway_url="https://gateway.example",
    )
