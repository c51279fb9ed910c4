"""The tables of app credentials, of the flows in which accounts are connected, of connections, and of their secrets."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.db.model import Base, TenantOwned
from gateway.db.types import Identifier, Key, UtcTimestamp

# Written out: a partial index is used only where a statement repeats its condition.
IS_LIVE = "state <> 'revoked'"
IS_DUE = "refresh_at IS NOT NULL"
IS_TO_WARN = "refresh_expires_at IS NOT NULL AND warned_at IS NULL AND state <> 'revoked' AND state <> 'needs_reauth'"
IS_ENDED = "revoked_at IS NOT NULL"
KEEPS_SECRETS = "sealed IS NOT NULL"
IS_AWAITED = "account_key IS NOT NULL AND state <> 'revoked'"


def _partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    condition = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


class AppCredentials(Base, TenantOwned):
    """A tenant's app at an OAuth provider. Its secrets (`client_secret`, `private_key`) are in the vault, by its id.

    `provider` is the catalogue's id. `parameters` are the values that the entry asks for, as they were given;
    `scopes` those that are asked for unless somebody says otherwise, None for the entry's. `disabled_at` NULL: in use.
    """

    __tablename__ = "app_credentials"
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    tenant_id: Mapped[str] = mapped_column(Identifier, ForeignKey("tenants.id"))
    name: Mapped[str] = mapped_column(Key)
    provider: Mapped[str] = mapped_column(String(64))
    client_id: Mapped[str] = mapped_column(Text)
    parameters: Mapped[dict[str, str]] = mapped_column(JSON)
    scopes: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    disabled_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    updated_at: Mapped[datetime] = mapped_column(UtcTimestamp)

    __table_args__ = (UniqueConstraint("tenant_id", "name"),)


class ConnectSession(Base, TenantOwned):
    """A one-time URL for one customer. `token_digest` is SHA-256 of what stands in it; `opened_at` is when it was used.

    `app_credentials_id` NULL: the customer chooses among all that are in use, on the connect page. `reconnect_id` is
    the connection that is connected anew. `reference` is what the application calls its customer. `browser_digest` is
    that of the cookie of the browser that opened it. `theme` is how its pages look. `is_embedded`: the page is shown
    in a frame of the application; `form_digest` is that of what its forms carry.
    """

    __tablename__ = "connect_sessions"
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    app_credentials_id: Mapped[str | None] = mapped_column(Identifier)
    reconnect_id: Mapped[str | None] = mapped_column(Identifier)
    reference: Mapped[str | None] = mapped_column(Key)
    scopes: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    parameters: Mapped[dict[str, str]] = mapped_column(JSON)
    return_to: Mapped[str | None] = mapped_column(Text)
    theme: Mapped[dict[str, str]] = mapped_column(JSON)
    is_embedded: Mapped[bool]
    token_digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    form_digest: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    browser_digest: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    asker_kind: Mapped[str] = mapped_column(String(16))
    asker_id: Mapped[str | None] = mapped_column(Identifier)
    asker_name: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    opened_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    expires_at: Mapped[datetime] = mapped_column(UtcTimestamp, index=True)

    __table_args__ = (Index("ix_connect_sessions_tenant_id_id", "tenant_id", "id"),)


class Flow(Base, TenantOwned):
    """One way of a browser to the provider and back. `state_digest` is SHA-256 of the `state` that it carries.

    `sealed` has what must stay secret until the callback (PKCE verifier, nonce, request token's secret), tied to the
    row; it is emptied with the callback. `consumed_at` is set once, by one statement; then `outcome` is a code of
    `docs/reference/connecting.md` and `connection_id` what came of it. `reconnect_id` is the connection that is
    connected anew.
    """

    __tablename__ = "oauth_flows"
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    session_id: Mapped[str] = mapped_column(Identifier)
    app_credentials_id: Mapped[str] = mapped_column(Identifier)
    reconnect_id: Mapped[str | None] = mapped_column(Identifier)
    provider: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(32))
    state_digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    browser_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    scopes: Mapped[list[str]] = mapped_column(JSON)
    parameters: Mapped[dict[str, str]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    expires_at: Mapped[datetime] = mapped_column(UtcTimestamp, index=True)
    consumed_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    outcome: Mapped[str | None] = mapped_column(String(64))
    detail: Mapped[str | None] = mapped_column(Text)
    connection_id: Mapped[str | None] = mapped_column(Identifier)

    __table_args__ = (
        Index("ix_oauth_flows_tenant_id_id", "tenant_id", "id"),
        # How a session ended.
        Index("ix_oauth_flows_session_id", "session_id"),
        # What nobody came back for, and is to be dropped.
        Index(
            "ix_oauth_flows_sealed",
            "expires_at",
            sqlite_where=text(KEEPS_SECRETS),
            postgresql_where=text(KEEPS_SECRETS),
        ),
    )


class Connection(Base, TenantOwned):
    """A granted account at a provider. Its secrets are in the vault, by its id.

    `way` is how it was connected (`gateway.providers.ways`). `account_key` is what makes two grants those of one
    account, NULL where nobody says whose it is. `parameters` stand in templates, `kept` are values that the entry
    keeps. `scopes_granted` NULL: the provider does not say. `version` moves with every change of the tokens: whoever
    writes tokens compares it. `refresh_at` is when the next refresh is due, NULL for none; `scheduled_at` is when that
    was decided; `intent_at` when a refresh was begun whose answer is not stored yet. `failures` in a row end with a
    success. `reason` is a code, `detail` words for a person: why it is not `connected`.
    """

    __tablename__ = "connections"
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    tenant_id: Mapped[str] = mapped_column(Identifier, ForeignKey("tenants.id"))
    provider: Mapped[str] = mapped_column(String(64))
    app_credentials_id: Mapped[str | None] = mapped_column(Identifier)
    way: Mapped[str] = mapped_column(String(32))
    reference: Mapped[str | None] = mapped_column(Key)
    state: Mapped[str] = mapped_column(String(32))
    account_id: Mapped[str | None] = mapped_column(Text)
    account_label: Mapped[str | None] = mapped_column(Text)
    account_key: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    scopes_asked: Mapped[list[str]] = mapped_column(JSON)
    scopes_granted: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    parameters: Mapped[dict[str, str]] = mapped_column(JSON)
    kept: Mapped[dict[str, Any]] = mapped_column(JSON)
    version: Mapped[int] = mapped_column(Integer, default=1)
    access_expires_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    refresh_expires_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    refresh_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    scheduled_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    lease_token: Mapped[str | None] = mapped_column(Identifier)
    lease_expires_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    intent_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    refreshed_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    reason: Mapped[str | None] = mapped_column(String(64))
    detail: Mapped[str | None] = mapped_column(Text)
    warned_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    connected_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    updated_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)

    __table_args__ = (
        Index("ix_connections_tenant_id_id", "tenant_id", "id"),
        Index("ix_connections_tenant_id_reference_id", "tenant_id", "reference", "id"),
        Index("ix_connections_app_credentials_id", "app_credentials_id"),
        # The scan for what is due to be refreshed.
        _partial("ix_connections_refresh_at", "refresh_at", where=IS_DUE),
        # What is counted: from the index alone.
        _partial("ix_connections_provider_state", "provider", "state", where=IS_LIVE),
        # Those whose end is to be told of; those that are to be forgotten.
        _partial("ix_connections_refresh_expires_at", "refresh_expires_at", where=IS_TO_WARN),
        _partial("ix_connections_revoked_at", "revoked_at", where=IS_ENDED),
        # The same account connected again updates its connection.
        _partial("uq_connections_account", "tenant_id", "provider", "account_key", where=IS_AWAITED, unique=True),
    )


class Revocation(Base, TenantOwned):
    """A grant that is still to be ended at the provider. Its secrets, and those of the app, are in the vault by its id:
    the connection's own are gone already.
    """

    __tablename__ = "revocations"
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    connection_id: Mapped[str] = mapped_column(Identifier)
    provider: Mapped[str] = mapped_column(String(64))
    client_id: Mapped[str] = mapped_column(Text)
    parameters: Mapped[dict[str, str]] = mapped_column(JSON)
    kept: Mapped[dict[str, Any]] = mapped_column(JSON)
    account_id: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    gives_up_at: Mapped[datetime] = mapped_column(UtcTimestamp)

    __table_args__ = (Index("ix_revocations_tenant_id_id", "tenant_id", "id"),)


class VaultEntry(Base, TenantOwned):
    """One sealed secret: `field` of `owner_id`, which is an app's, a connection's, or a revocation's id."""

    __tablename__ = "vault"
    owner_id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    field: Mapped[str] = mapped_column(String(64), primary_key=True)
    sealed_value: Mapped[bytes] = mapped_column(LargeBinary)
    updated_at: Mapped[datetime] = mapped_column(UtcTimestamp)
