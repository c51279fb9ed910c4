"""The tables of integrations and of their earlier configurations."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from gateway.db.model import Base, TenantOwned
from gateway.db.types import Identifier, Key, UtcTimestamp


class Integration(Base, TenantOwned):
    """An instance of an integration type for a tenant. Its secrets are in the vault, by its id.

    `type` is the type's id. `configuration` are its attributes without secrets; `revision` moves with each change of
    them. `sync` are its sync options (policies, thresholds, fields), as `gateway.integrations.options` reads them.
    `schedule` is how often it is synced (a duration, a cron expression, `never`), NULL as often as the type says.
    `prepared` is what activation made that deactivation takes back. `health` has the checks by name, `health_state` the
    worst of them and `health_since` since when; `data_at` is when something last came. `reason` is a code and `detail`
    words for a person: why it is `failed`, or paused by itself.
    """

    __tablename__ = "integrations"
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    tenant_id: Mapped[str] = mapped_column(Identifier, ForeignKey("tenants.id"))
    name: Mapped[str] = mapped_column(Key)
    type: Mapped[str] = mapped_column(String(64))
    connection_id: Mapped[str | None] = mapped_column(Identifier)
    source_id: Mapped[str | None] = mapped_column(Identifier)
    schedule: Mapped[str | None] = mapped_column(String(255))
    state: Mapped[str] = mapped_column(String(16))
    configuration: Mapped[dict[str, Any]] = mapped_column(JSON)
    sync: Mapped[dict[str, Any]] = mapped_column(JSON)
    prepared: Mapped[dict[str, Any]] = mapped_column(JSON)
    revision: Mapped[int] = mapped_column(Integer, default=1)
    reason: Mapped[str | None] = mapped_column(String(64))
    detail: Mapped[str | None] = mapped_column(Text)
    health_state: Mapped[str] = mapped_column(String(16))
    health_since: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    health: Mapped[dict[str, Any]] = mapped_column(JSON)
    data_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    activated_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    updated_at: Mapped[datetime] = mapped_column(UtcTimestamp)

    __table_args__ = (
        UniqueConstraint("tenant_id", "name"),
        Index("ix_integrations_connection_id", "connection_id"),
        Index("ix_integrations_source_id", "source_id"),
    )


class IntegrationRevision(Base, TenantOwned):
    """A configuration that an integration had: what a person can restore. Secrets are not in it."""

    __tablename__ = "integration_revisions"
    instance_id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    revision: Mapped[int] = mapped_column(Integer, primary_key=True)
    configuration: Mapped[dict[str, Any]] = mapped_column(JSON)
    sync: Mapped[dict[str, Any]] = mapped_column(JSON)
    connection_id: Mapped[str | None] = mapped_column(Identifier)
    actor_kind: Mapped[str] = mapped_column(String(16))
    actor_name: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
