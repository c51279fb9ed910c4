"""The tables of entities, of what syncs read and send, and of what waits for a person.

`instance_id` is everywhere the id of the integration (`int_…`) that a row belongs to.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, Index, Integer, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.db.model import Base, TenantOwned
from gateway.db.types import Identifier, Key, UtcTimestamp

# Room for the longest id that an external system may give; what is longer goes to quarantine.
LONGEST_EXTERNAL_ID = 512
ExternalId = String(LONGEST_EXTERNAL_ID).with_variant(String(LONGEST_EXTERNAL_ID, collation="C"), "postgresql")

# Written out: a partial index is used only where a statement repeats its condition.
IS_WAITING = "state = 'pending' OR state = 'sending'"
IS_UNSETTLED = "state <> 'done' AND state <> 'dropped'"
IS_OPEN = "state = 'open'"
IS_RUNNING = "state = 'running' AND NOT is_plan"
IS_HELD = "state = 'held'"


def _partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    condition = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


class Entity(Base, TenantOwned):
    """A thing that is mirrored from, or pushed to, an external system.

    `integration_name` is the type's id and `integration_id` the thing's id in the external system, NULL until that has
    given one; `instance_id` is the integration. `attributes`, `state`, `parent` (an external id) and `area` are what is
    true here, local edits included. `base` are the attributes as both sides last agreed on them, NULL while they are
    `attributes` as they stand: it is there only while local edits are on their way. `content_hash` is that of what the
    external system last said, mapped; `external_version` is its version, for conditional writes. `local_revision`
    counts local edits. `user_data` is attached here and never sent. `changed_by` is who changed it last (`pull`,
    `push`, `local`, `merge`). `deleted_at`: it is a tombstone, and can come back; `deleted_by` is whose deletion it
    was.
    """

    __tablename__ = "entities"
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    instance_id: Mapped[str] = mapped_column(Identifier)
    integration_name: Mapped[str] = mapped_column(String(64))
    integration_id: Mapped[str | None] = mapped_column(ExternalId)
    kind: Mapped[str] = mapped_column(String(64))
    name: Mapped[str | None] = mapped_column(Text)
    attributes: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[str | None] = mapped_column(Text)
    state_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    parent: Mapped[str | None] = mapped_column(ExternalId)
    area: Mapped[str | None] = mapped_column(Text)
    external_version: Mapped[str | None] = mapped_column(Text)
    external_updated_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    content_hash: Mapped[bytes] = mapped_column(LargeBinary(16))
    base: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    local_revision: Mapped[int] = mapped_column(Integer, default=0)
    user_data: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    changed_by: Mapped[str] = mapped_column(String(16))
    deleted_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    deleted_by: Mapped[str | None] = mapped_column(String(16))
    merged_into: Mapped[str | None] = mapped_column(ExternalId)
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    updated_at: Mapped[datetime] = mapped_column(UtcTimestamp)

    __table_args__ = (
        UniqueConstraint("instance_id", "kind", "integration_id"),
        Index("ix_entities_tenant_id_id", "tenant_id", "id"),
        # What changed since, for pipelines.
        Index("ix_entities_changed", "instance_id", "kind", "updated_at", "id"),
        # By key: the two halves of it.
        Index("ix_entities_key", "tenant_id", "integration_name", "integration_id"),
    )


class HistoryEntry(Base, TenantOwned):
    """What happened to an entity: who changed what from where. `changes` are `[before, after]` by field.

    `origin` is as `Entity.changed_by`. What a pull creates has no entry: the entity itself says when that was.
    """

    __tablename__ = "entity_history"
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    entity_id: Mapped[str] = mapped_column(Identifier)
    at: Mapped[datetime] = mapped_column(UtcTimestamp)
    action: Mapped[str] = mapped_column(String(16))
    origin: Mapped[str] = mapped_column(String(16))
    actor_kind: Mapped[str] = mapped_column(String(16))
    actor_name: Mapped[str] = mapped_column(Text)
    run_id: Mapped[str | None] = mapped_column(Identifier)
    changes: Mapped[dict[str, Any]] = mapped_column(JSON)

    __table_args__ = (
        Index("ix_entity_history_entity_id_id", "entity_id", "id"),
        Index("ix_entity_history_at", "at"),
    )


class SyncRun(Base, TenantOwned):
    """One execution of a sync, with its results. One of an integration runs at a time, and one may be held.

    `mode` is what it reads (`RunMode`), `trigger` what began it (`person`, `schedule`, `webhook`, `stream`,
    `activation`, `expired_cursor`). `position` is where a process that takes it over goes on. `counts` are its results
    by name; `errors` its first few. `held` says why it waits for a person. `plan` are the counts of the plan that went
    before. `is_plan`: it changed nothing.
    """

    __tablename__ = "sync_runs"
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    instance_id: Mapped[str] = mapped_column(Identifier)
    job_id: Mapped[str | None] = mapped_column(Identifier)
    mode: Mapped[str] = mapped_column(String(16))
    trigger: Mapped[str] = mapped_column(String(32))
    is_plan: Mapped[bool] = mapped_column(Boolean, default=False)
    state: Mapped[str] = mapped_column(String(16))
    position: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    counts: Mapped[dict[str, Any]] = mapped_column(JSON)
    errors: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    held: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    plan: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    error_code: Mapped[str | None] = mapped_column(String(64))
    error: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)

    __table_args__ = (
        Index("ix_sync_runs_tenant_id_id", "tenant_id", "id"),
        Index("ix_sync_runs_instance_id_id", "instance_id", "id"),
        _partial("uq_sync_runs_running", "instance_id", where=IS_RUNNING, unique=True),
        _partial("uq_sync_runs_held", "instance_id", where=IS_HELD, unique=True),
    )


class SyncPage(Base, TenantOwned):
    """What one page of a full pull had: 8-byte digests of its ids, by which a complete pull finds what is gone."""

    __tablename__ = "sync_pages"
    run_id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    resource: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    seen: Mapped[bytes] = mapped_column(LargeBinary)


class SyncCursor(Base, TenantOwned):
    """How far the sync of one resource has come: `cursor` is the external system's, never made of our clock.

    `full_at` is when a full pull of it was last complete.
    """

    __tablename__ = "sync_cursors"
    instance_id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    resource: Mapped[str] = mapped_column(String(64), primary_key=True)
    cursor: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    full_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    updated_at: Mapped[datetime] = mapped_column(UtcTimestamp)


class NamedChange(Base, TenantOwned):
    """An external id of which a webhook or a stream said that it changed: fetched by the next run, once for all."""

    __tablename__ = "named_changes"
    instance_id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    resource: Mapped[str] = mapped_column(String(64), primary_key=True)
    integration_id: Mapped[str] = mapped_column(ExternalId, primary_key=True)
    event_id: Mapped[str | None] = mapped_column(Identifier)
    named_at: Mapped[datetime] = mapped_column(UtcTimestamp)


class QuarantinedRecord(Base, TenantOwned):
    """A record that could not be taken in: `raw` as it came, and what is wrong with it (`reasons`, with pointers)."""

    __tablename__ = "quarantine"
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    instance_id: Mapped[str] = mapped_column(Identifier)
    resource: Mapped[str] = mapped_column(String(64))
    record_key: Mapped[bytes] = mapped_column(LargeBinary(16))
    integration_id: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    raw: Mapped[str] = mapped_column(Text)
    run_id: Mapped[str | None] = mapped_column(Identifier)
    times: Mapped[int] = mapped_column(Integer, default=1)
    first_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    last_at: Mapped[datetime] = mapped_column(UtcTimestamp)

    __table_args__ = (
        UniqueConstraint("instance_id", "resource", "record_key"),
        Index("ix_quarantine_tenant_id_id", "tenant_id", "id"),
    )


class LocalChange(Base, TenantOwned):
    """A local edit on its way to the external system: the outbox. Sent in order for each entity, by its id.

    `fields` are the new values by field, for a deletion none. `based_on` is the external version at that time.
    `idempotency_key` is the same on every try. What all tables with leases share is in `gateway.db.lease`.
    """

    __tablename__ = "entity_changes"
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    instance_id: Mapped[str] = mapped_column(Identifier)
    entity_id: Mapped[str] = mapped_column(Identifier)
    operation: Mapped[str] = mapped_column(String(16))
    fields: Mapped[dict[str, Any]] = mapped_column(JSON)
    based_on: Mapped[str | None] = mapped_column(Text)
    idempotency_key: Mapped[str] = mapped_column(Key)
    state: Mapped[str] = mapped_column(String(16))
    attempts_made: Mapped[int] = mapped_column(Integer, default=0)
    next_attempt_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    scheduled_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    lease_token: Mapped[str | None] = mapped_column(Identifier)
    lease_expires_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    reason: Mapped[str | None] = mapped_column(String(64))
    detail: Mapped[str | None] = mapped_column(Text)
    actor_kind: Mapped[str] = mapped_column(String(16))
    actor_name: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    settled_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)

    __table_args__ = (
        Index("ix_entity_changes_tenant_id_id", "tenant_id", "id"),
        _partial("ix_entity_changes_waiting", "instance_id", "next_attempt_at", "id", where=IS_WAITING),
        _partial("ix_entity_changes_unsettled", "entity_id", "id", where=IS_UNSETTLED),
    )


class PushMark(Base, TenantOwned):
    """What a push is about to make, written before its call: by it an echo of our own push is recognised.

    `change_id` is the first of the changes that the push carries. `seen` is the digest of what a pull saw of the entity
    while the push was under way, all zeros that it was gone. `answered_at` is when its outcome was known.
    """

    __tablename__ = "push_marks"
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    instance_id: Mapped[str] = mapped_column(Identifier)
    entity_id: Mapped[str] = mapped_column(Identifier)
    change_id: Mapped[str] = mapped_column(Identifier)
    operation: Mapped[str] = mapped_column(String(16))
    seen: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    answered_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    expires_at: Mapped[datetime] = mapped_column(UtcTimestamp)

    __table_args__ = (
        Index("ix_push_marks_entity_id", "entity_id"),
        Index("ix_push_marks_change_id", "change_id"),
        Index("ix_push_marks_expires_at", "expires_at"),
    )


class EntityConflict(Base, TenantOwned):
    """The same field changed on both sides since they last agreed, and no policy settles it.

    `fields` has `base`, `local` and `external` by field; what is absent on a side has no such member. `kind` is `edit`
    or `delete`. An entity has one open conflict at most, which later edits change.
    """

    __tablename__ = "conflicts"
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    instance_id: Mapped[str] = mapped_column(Identifier)
    entity_id: Mapped[str] = mapped_column(Identifier)
    kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    fields: Mapped[dict[str, Any]] = mapped_column(JSON)
    external_version: Mapped[str | None] = mapped_column(Text)
    resolution: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    resolved_by: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    updated_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    resolved_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)

    __table_args__ = (
        Index("ix_conflicts_tenant_id_id", "tenant_id", "id"),
        _partial("uq_conflicts_open", "entity_id", where=IS_OPEN, unique=True),
    )
