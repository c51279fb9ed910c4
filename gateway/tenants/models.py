"""The tenants table. Every other tenant-owned row points here by `tenant_id`."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from gateway.db.model import Base, Configuration, ConfigurationKind
from gateway.db.types import Identifier, UtcTimestamp

DEFAULT_TENANT_ID = "ten_default"
DEFAULT_TENANT = "default"


class Tenant(Base, Configuration):
    """A customer whose data never mixes with another's. `slug` stands in URLs and on the command line."""

    __tablename__ = "tenants"
    configuration_kind = ConfigurationKind.TENANTS
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    slug: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
