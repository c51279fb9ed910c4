"""The tables of sources and their credentials."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    JSON,
    Boolean,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column

from gateway.db.model import Base, Configuration, ConfigurationKind, TenantOwned
from gateway.db.types import Identifier, UtcTimestamp


class Source(Base, TenantOwned, Configuration):
    """A tenant's inbound endpoint for one provider.

    `scheme` is the id of the provider's signature scheme where the operator chooses, else NULL. `options` are the
    operator values that the scheme asks for. `allowed_ips` are networks in CIDR form, empty for everyone.
    `rate_per_second` bounds requests per web process. `refuses_replays` NULL: where the scheme allows for it without
    doubt. `redelivers_duplicates`: what comes again is delivered again. `retention_days` is how long its events are
    kept, NULL for as long as all others. `pending_handshake` says that the provider may still hand over its secret;
    when it did (`confirmed_at`), from which address and in which request stands beside it.
    """

    __tablename__ = "sources"
    configuration_kind = ConfigurationKind.SOURCES
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    tenant_id: Mapped[str] = mapped_column(Identifier, ForeignKey("tenants.id"))
    slug: Mapped[str] = mapped_column(String(64))
    provider: Mapped[str] = mapped_column(String(64))
    scheme: Mapped[str | None] = mapped_column(String(64))
    options: Mapped[dict[str, str]] = mapped_column(JSON)
    allowed_ips: Mapped[list[str]] = mapped_column(JSON)
    rate_per_second: Mapped[float | None] = mapped_column(Float)
    refuses_replays: Mapped[bool | None] = mapped_column(Boolean)
    redelivers_duplicates: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    retention_days: Mapped[int | None] = mapped_column(Integer)
    pending_handshake: Mapped[bool] = mapped_column(Boolean)
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    confirmed_from: Mapped[str | None] = mapped_column(String(64))
    confirmed_request_id: Mapped[str | None] = mapped_column(String(128))
    disabled_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    updated_at: Mapped[datetime] = mapped_column(UtcTimestamp)

    __table_args__ = (UniqueConstraint("tenant_id", "slug"),)


class SourceCredential(Base, TenantOwned, Configuration):
    """One sealed credential of a source: a secret, public key, user name or password, as `kind` says.

    Every unexpired one is tried; NULL `expires_at` means no end.
    """

    __tablename__ = "source_credentials"
    configuration_kind = ConfigurationKind.SOURCES
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    source_id: Mapped[str] = mapped_column(Identifier, ForeignKey("sources.id"), index=True)
    kind: Mapped[str] = mapped_column(String(32))
    sealed_value: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    expires_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
