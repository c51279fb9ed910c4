"""The tenants table. Every other tenant-owned row points here by `tenant_id`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String, text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.db.model import Base, Configuration, ConfigurationKind
from gateway.db.types import Identifier, UtcTimestamp

DEFAULT_TENANT_ID = "ten_default"
DEFAULT_TENANT = "default"


class Tenant(Base, Configuration):
    """A customer whose data never mixes with another's. `slug` stands in URLs and on the command line.

    `limits` are `TenantLimits` by name, what is not there has no bound. `return_origins` are where a browser may be
    sent back to. `erasing_at` is when somebody began to erase it, which does not go back; `erased` counts the rows that
    are gone so far, by their tables.
    """

    __tablename__ = "tenants"
    configuration_kind = ConfigurationKind.TENANTS
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    slug: Mapped[str] = mapped_column(String(64), unique=True)
    limits: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default=text("'{}'"))
    return_origins: Mapped[list[str]] = mapped_column(JSON, default=list, server_default=text("'[]'"))
    suspended_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    erasing_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    erased: Mapped[dict[str, int] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
