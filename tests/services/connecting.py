"""A gateway with entries for a provider on loopback, app credentials, and connections made as flows make them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gateway.clock import Clock
from gateway.config import Settings
from gateway.installation import Installation
from gateway.oauth import vault
from gateway.oauth.connections.store import create_or_update
from gateway.oauth.models import AppCredentials
from gateway.oauth.protocol.values import AccountFacts, Tokens
from gateway.security.identifiers import new_id
from gateway.tenants.acting import Acting, act
from tests.services.acting import TESTER
from tests.services.oauth_authority import CLIENT_ID, CLIENT_SECRET, Grant
from tests.services.oauth_entries import PLAIN, write_entries
from tests.services.oauth_provider import OAuthProvider

KEYED = "keyed-system"
BY_PASSWORD = "password-system"
TWO_SECRETS = "two-secrets-system"
OPEN_SYSTEM = "open-system"

_KEYED = """
name: {name}
category: crm
docs: the tests
evidence: {{level: docs, by: [the tests]}}
api:
  base_url: {url}/api
  docs: "the tests"
  credential: {credential}
  parameters: {{shop: {{about: which shop, pattern: "[a-z]+", default: main}}}}
  headers: {{X-Shop: "{{shop}}"}}
  resources:
    things: {{path: /me, records: data, id: id, paging: {{style: single}}}}
"""


def write_all_entries(directory: Path, provider: OAuthProvider, **changes: Any) -> Path:
    """Entries of `oauth_entries`, and systems that are called with a key, a name and a password, or more."""
    write_entries(directory, provider, **changes)
    further = "{about: the application's key, header: X-App-Key}, account_key: {about: the account's, query: account}"
    credentials = {
        KEYED: "{kind: bearer}",
        BY_PASSWORD: "{kind: basic}",
        OPEN_SYSTEM: "{kind: none}",
        TWO_SECRETS: f"{{kind: bearer, also: {{app_key: {further}}}}}",
    }
    for name, credential in credentials.items():
        text = _KEYED.format(name=name, url=provider.url, credential=credential)
        (directory / f"{name}.yaml").write_text(text, encoding="utf-8")
    return directory


def installation_for(
    settings: Settings, provider: OAuthProvider, directory: Path, clock: Clock | None = None, **changes: Any
) -> Installation:
    """An installation that knows `provider`; whoever asks closes it."""
    entries = write_all_entries(directory, provider, **changes)
    return Installation(replace(settings, providers_dir=entries), clock=clock)


def add_app(acting: Acting, *, name: str = "app", provider: str = PLAIN) -> AppCredentials:
    """App credentials that the provider on loopback knows."""
    row = AppCredentials(
        id=new_id("app"),
        name=name,
        provider=provider,
        client_id=CLIENT_ID,
        parameters={},
        created_at=acting.now,
        updated_at=acting.now,
    )
    acting.session.add(row)
    acting.session.flush()
    secrets = {vault.CLIENT_SECRET: CLIENT_SECRET}
    vault.write(
        acting.session, acting.keyring, tenant_id=acting.tenant.id, owner_id=row.id, secrets=secrets, now=acting.now
    )
    return row


def granted(provider: OAuthProvider, *, subject: str = "user-1", seconds: float | None = 3600) -> Tokens:
    """Tokens that the provider takes, as an exchange would give them."""
    with provider.lock:
        number = len(provider.access_tokens) + len(provider.refresh_tokens) + 1
        access, refresh = f"at-{subject}-{number}", f"rt-{subject}-{number}"
        ends_at = None if seconds is None else provider.now + seconds
        grant = Grant(subject, ["read"], refresh_token=refresh)
        provider.access_tokens[access] = (grant, ends_at)
        provider.refresh_tokens[refresh] = grant
    expires_at_us = None if ends_at is None else round(ends_at * 1_000_000)
    return Tokens(access_token=access, refresh_token=refresh, scopes=("read",), expires_at_us=expires_at_us)


def connect(
    installation: Installation,
    provider: OAuthProvider,
    *,
    tenant: str = "default",
    tokens: Tokens | None = None,
    subject: str = "user-1",
    app: str = "app",
    **given: Any,
) -> str:
    """A connection of `subject`; its id."""
    with act(installation, actor=TESTER, tenant=tenant, write=True) as acting:
        row = acting.session.query(AppCredentials).filter(AppCredentials.name == app).first() or add_app(
            acting, name=app
        )
        values: Mapping[str, Any] = {
            "way": "authorization_code",
            "tokens": tokens or granted(provider, subject=subject),
            "account": AccountFacts(id=subject, label=f"{subject}@example.org", key=subject),
            "scopes_asked": ["read"],
            "parameters": {},
            "kept": {},
            "reference": None,
            "reconnect_id": None,
            **given,
        }
        connection, _ = create_or_update(
            acting.session,
            acting.keyring,
            installation,
            tenant_id=acting.tenant.id,
            app=row,
            provider=row.provider,
            now=acting.now,
            **values,
        )
        return connection.id
