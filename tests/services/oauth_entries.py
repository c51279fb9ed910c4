"""A provider of `oauth_provider` as entries of the catalogue: plain OAuth 2.0 with all of its URLs, and OpenID Connect
that is discovered.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from gateway.oauth.protocol.values import App
from gateway.providers.loader import parse_provider
from gateway.providers.model import Provider
from tests.services.oauth_apps import app_of
from tests.services.oauth_provider import OAuthProvider

PLAIN, OPENID = "plain-provider", "openid-provider"


def entry(provider: OAuthProvider, kind: str = PLAIN, changes: Mapping[str, Any] = {}) -> str:
    """The text of the entry `kind`; `changes` go into its section `oauth`, key by key, None taking one away."""
    base = {"about": "the server's URL", "kind": "url", "default": provider.url}
    oauth = {
        "evidence": {"level": "ours", "by": ["the tests"]},
        "refresh": {"style": "rotating"},
        "api": {"base_url": "{base}/api"},
        **(_openid(base) if kind == OPENID else _plain(base)),
        **changes,
    }
    document = {
        "name": kind.replace("-", " ").title(),
        "category": "identity",
        "oauth": {key: value for key, value in oauth.items() if value is not None},
    }
    return yaml.safe_dump(document, sort_keys=False)


def write_entries(directory: Path, provider: OAuthProvider, **changes: Any) -> None:
    """Both, into a folder for `GATEWAY_PROVIDERS_DIR`; `changes` as in `entry`."""
    directory.mkdir(parents=True, exist_ok=True)
    for kind in (PLAIN, OPENID):
        (directory / f"{kind}.yaml").write_text(entry(provider, kind, changes), encoding="utf-8")


def loaded(provider: OAuthProvider, kind: str = PLAIN, **changes: Any) -> Provider:
    """The entry, as the catalogue has it."""
    return parse_provider(kind, entry(provider, kind, changes), origin=f"{kind}.yaml")


def app_at(provider: OAuthProvider, kind: str = PLAIN, *, app: Mapping[str, Any] = {}, **changes: Any) -> App:
    """An app at `provider`, by the entry `kind` changed by `changes`; `app` are attributes of it."""
    own = {"client_id": provider.client_id, "secrets": {"client_secret": provider.client_secret}}
    return app_of(kind, loaded(provider, kind, **changes).oauth, **own | app)


def _plain(base: Mapping[str, str]) -> dict[str, Any]:
    return {
        "kind": "oauth2",
        "parameters": {
            "base": base,
            "username": {"about": "whom a service account stands for", "optional": True},
        },
        "grants": {
            "authorization_code": {},
            "client_credentials": {"scopes": ["read"]},
            "device_code": {"url": "{base}/device"},
            "jwt_bearer": {"assertion": {"claims": {"sub": "{username}"}}},
        },
        "authorize": {"url": "{base}/authorize", "scopes": ["read"], "pkce": "required"},
        "token": {"url": "{base}/token", "authentication": "client_secret_basic"},
        "account": {"source": "api", "url": "{base}/api/me", "id": "id", "label": ["email"]},
        "revoke": {"url": "{base}/revoke"},
    }


def _openid(base: Mapping[str, str]) -> dict[str, Any]:
    return {
        "kind": "oidc",
        "parameters": {"base": base},
        "grants": {"authorization_code": {}, "client_credentials": {"scopes": ["read"]}, "device_code": {}},
        "discovery": "{base}/.well-known/openid-configuration",
        "authorize": {"scopes": ["openid", "email"], "pkce": "supported"},
        "token": {"authentication": "discovered"},
        "account": {"source": "id_token", "id": "sub", "label": ["email"], "details": {}},
        "revoke": {},
        "introspection": {},
    }
