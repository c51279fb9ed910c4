"""The table of API keys."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.db.model import Base, Configuration, ConfigurationKind, TenantOwned
from gateway.db.types import Identifier, UtcTimestamp


class ApiKey(Base, TenantOwned, Configuration):
    """A key of a program. `digest` is the SHA-256 of its secret, which is kept nowhere; NULL `expires_at` means no end.

    `last_used_at` is written at most once a minute, by statements that move no revision.
    """

    __tablename__ = "api_keys"
    configuration_kind = ConfigurationKind.API_KEYS
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    tenant_id: Mapped[str] = mapped_column(Identifier, ForeignKey("tenants.id"))
    name: Mapped[str] = mapped_column(String(64))
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    scopes: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    expires_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)

    # A name may be given again once its key is revoked.
    __table_args__ = (
        Index(
            "uq_api_keys_tenant_id_name",
            "tenant_id",
            "name",
            unique=True,
            sqlite_where=text("revoked_at IS NULL"),
            postgresql_where=text("revoked_at IS NULL"),
        ),
        Index("ix_api_keys_tenant_id_id", "tenant_id", "id"),
    )
