"""What goes into calls to a provider, and what comes out. None of these shows a secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.providers.oauth.model import OAuth


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """An app at a provider, with all that its entry's templates may name before anybody is connected.

    `parameters` are completed and judged (`providers.oauth.parameters`): the app's, and for a connection its own on
    top. `redirect_uri` is the gateway's callback as the provider knows it, from the configured base URL.
    """

    id: str
    name: str
    provider: str
    oauth: OAuth
    client_id: str
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    parameters: Mapping[str, str] = field(default_factory=dict)
    redirect_uri: str
    gateway_url: str

    @property
    def client_secret(self) -> str | None:
        return self.secrets.get("client_secret")


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondTokens:
    """Tokens for somebody else that came in the same answer (Slack's user token)."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    scopes: tuple[str, ...] | None = None
    account_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """A token answer, read. Instants are microseconds since the epoch, None for no end that is known.

    `scopes` None: the provider does not say, and those asked for hold (RFC 6749, 5.1). `kept` are values that the entry
    keeps, `secret_kept` those of them that are sealed. `document` is the answer as it came: for reading the account,
    never to be stored or shown.
    """

    access_token: str = field(repr=False)
    token_type: str = "Bearer"  # noqa: S105 (a word)
    refresh_token: str | None = field(default=None, repr=False)
    id_token: str | None = field(default=None, repr=False)
    expires_at_us: int | None = None
    refresh_expires_at_us: int | None = None
    scopes: tuple[str, ...] | None = None
    kept: Mapping[str, str] = field(default_factory=dict)
    secret_kept: Mapping[str, str] = field(default_factory=dict, repr=False)
    second: SecondTokens | None = None
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """Whose account was connected. `key` is what makes two grants those of one account, None where nobody says."""

    id: str | None = None
    label: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where a provider's requests go, all placeholders filled in: the entry's, or what its metadata say (RFC 8414).

    None: there is none. `token_authentication` is a word of `providers.oauth.words.AUTHENTICATION`, never `discovered`.
    `issuer` is who must stand as `iss`; `sends_iss`: callbacks carry it (RFC 9207). `algorithms` are those that ID
    tokens may be signed with. `scopes` are those that the server says it has; None: it does not say.
    """

    token: str
    authorize: str | None = None
    pushed: str | None = None
    device: str | None = None
    revoke: str | None = None
    userinfo: str | None = None
    introspection: str | None = None
    jwks: str | None = None
    issuer: str | None = None
    sends_iss: bool = False
    token_authentication: str = "client_secret_post"  # noqa: S105 (a word)
    algorithms: tuple[str, ...] = ("RS256",)
    scopes: tuple[str, ...] | None = None
