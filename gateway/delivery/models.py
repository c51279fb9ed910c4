"""Outbound tables: destinations and their secrets, routes, deliveries, attempts, and the state workers share."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    JSON,
    Boolean,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from gateway.db.model import Base, Configuration, ConfigurationKind, TenantOwned
from gateway.db.types import Identifier, Key, UtcTimestamp


class DeliveryState(StrEnum):
    """Where a delivery stands. A delivery is in exactly one state at every instant."""

    PENDING = "pending"  # waits for its time, for its turn behind its ordering key, or for a circuit
    LEASED = "leased"  # a worker holds it until its lease ends
    DELIVERED = "delivered"  # the destination took it
    DEAD = "dead"  # given up until a person or a rule replays it
    CANCELLED = "cancelled"  # a person stopped it


class DestinationKind(StrEnum):
    """What a destination is."""

    HTTP = "http"  # an endpoint that takes a POST
    HANDLER = "handler"  # a Python function of the application


class CircuitState(StrEnum):
    """Whether a destination is being tried."""

    CLOSED = "closed"  # deliveries flow
    OPEN = "open"  # it failed repeatedly: deliveries wait and burn no attempts
    HALF_OPEN = "half_open"  # one probe is on its way


class Destination(Base, TenantOwned, Configuration):
    """Where deliveries go. NULL settings mean the gateway's defaults.

    `url` for kind http; `handler` (`module:function`) for kind handler. `sealed_headers` is an encrypted JSON object
    of extra request headers, which may hold credentials. `connection_id` is the connection (`gateway.oauth`) whose
    token goes along.
    """

    __tablename__ = "destinations"
    configuration_kind = ConfigurationKind.DESTINATIONS
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    tenant_id: Mapped[str] = mapped_column(Identifier, ForeignKey("tenants.id"))
    name: Mapped[str] = mapped_column(String(128))
    kind: Mapped[str] = mapped_column(String(16))
    url: Mapped[str | None] = mapped_column(Text)
    handler: Mapped[str | None] = mapped_column(String(255))
    timeout_seconds: Mapped[float | None] = mapped_column(Float)
    concurrency: Mapped[int | None] = mapped_column(Integer)
    rate_per_second: Mapped[float | None] = mapped_column(Float)
    schedule_seconds: Mapped[list[float] | None] = mapped_column(JSON(none_as_null=True))
    ordering_key: Mapped[str | None] = mapped_column(Text)
    fatal_statuses: Mapped[list[int]] = mapped_column(JSON)
    sealed_headers: Mapped[bytes | None] = mapped_column(LargeBinary)
    connection_id: Mapped[str | None] = mapped_column(Identifier)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    disabled_reason: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    updated_at: Mapped[datetime] = mapped_column(UtcTimestamp)

    __table_args__ = (UniqueConstraint("tenant_id", "name"),)


class DestinationSecret(Base, TenantOwned, Configuration):
    """One signing secret of a destination; every unexpired one signs. NULL `expires_at` means no end."""

    __tablename__ = "destination_secrets"
    configuration_kind = ConfigurationKind.DESTINATIONS
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    destination_id: Mapped[str] = mapped_column(Identifier, ForeignKey("destinations.id"), index=True)
    sealed_value: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    expires_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)


class KnownHandler(Base, Configuration):
    """A handler as the processes that loaded it described it, for those that did not; of no tenant.

    `subscriptions` maps a source (its slug, or a provider's id) to patterns of event types; empty when its module has
    it no more. `missing_since` is when a worker started without it, NULL when the last one to look has it.
    """

    __tablename__ = "handlers"
    configuration_kind = ConfigurationKind.DESTINATIONS
    name: Mapped[str] = mapped_column(Key, primary_key=True)
    subscriptions: Mapped[dict[str, list[str]]] = mapped_column(JSON)
    missing_since: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    updated_at: Mapped[datetime] = mapped_column(UtcTimestamp)


class Route(Base, TenantOwned, Configuration):
    """Which events of which source go to which destination.

    `source` is the source's slug (`gateway` for internal events). `event_types` are patterns; an event goes when one
    matches. `where` and `transform` are JMESPath over the event's JSON; a transform that gives null is sent only with
    `allow_null`. A fresh token of `connection_id` is handed over with each delivery. `name` is NULL where a program of
    the version before has added the route.
    """

    __tablename__ = "routes"
    configuration_kind = ConfigurationKind.ROUTES
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    tenant_id: Mapped[str] = mapped_column(Identifier, ForeignKey("tenants.id"), index=True)
    name: Mapped[str | None] = mapped_column(String(128))
    source: Mapped[str] = mapped_column(String(64))
    event_types: Mapped[list[str]] = mapped_column(JSON)
    where: Mapped[str | None] = mapped_column(Text)
    transform: Mapped[str | None] = mapped_column(Text)
    allow_null: Mapped[bool] = mapped_column(Boolean, server_default=false())
    connection_id: Mapped[str | None] = mapped_column(Identifier)
    destination_id: Mapped[str] = mapped_column(Identifier, ForeignKey("destinations.id"))
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)

    __table_args__ = (Index("uq_routes_tenant_id_name", "tenant_id", "name", unique=True),)


class Delivery(Base, TenantOwned):
    """One event on its way to one destination. Ids sort by time, which is also the order within an ordering key.

    `payload` holds the route's transform as JSON; NULL means the event's raw body. `scheduled_at` is when
    `next_attempt_at` or the lease was decided: a clock set back shows as a decision in the future. `attempts_made`
    counts claims that led to an attempt; `schedule_position` is the place in the schedule and starts again with a
    replay.
    """

    __tablename__ = "deliveries"
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    event_id: Mapped[str] = mapped_column(Identifier)
    destination_id: Mapped[str] = mapped_column(Identifier)
    route_id: Mapped[str | None] = mapped_column(Identifier)
    state: Mapped[str] = mapped_column(String(16))
    ordering_key: Mapped[str | None] = mapped_column(Key)
    attempts_made: Mapped[int] = mapped_column(Integer)
    schedule_position: Mapped[int] = mapped_column(Integer)
    next_attempt_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    scheduled_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    lease_token: Mapped[str | None] = mapped_column(Identifier)
    lease_expires_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    reason: Mapped[str | None] = mapped_column(String(64))
    detail: Mapped[str | None] = mapped_column(Text)
    payload: Mapped[bytes | None] = mapped_column(LargeBinary)

    __table_args__ = (
        Index("ix_deliveries_event_id_tenant_id", "event_id", "tenant_id"),
        # The claim: what is due per destination. Holds unfinished work only, so it stays small.
        Index(
            "ix_deliveries_due",
            "destination_id",
            "next_attempt_at",
            sqlite_where=text("state = 'pending' AND ordering_key IS NULL"),
            postgresql_where=text("state = 'pending' AND ordering_key IS NULL"),
        ),
        # The head of each ordering key.
        Index(
            "ix_deliveries_keyed",
            "destination_id",
            "ordering_key",
            "id",
            sqlite_where=text("state IN ('pending', 'leased') AND ordering_key IS NOT NULL"),
            postgresql_where=text("state IN ('pending', 'leased') AND ordering_key IS NOT NULL"),
        ),
        # Strictly one after another: two workers cannot hold the same key at once.
        Index(
            "uq_deliveries_leased_key",
            "destination_id",
            "ordering_key",
            unique=True,
            sqlite_where=text("state = 'leased' AND ordering_key IS NOT NULL"),
            postgresql_where=text("state = 'leased' AND ordering_key IS NOT NULL"),
        ),
        Index(
            "ix_deliveries_leased",
            "lease_expires_at",
            sqlite_where=text("state = 'leased'"),
            postgresql_where=text("state = 'leased'"),
        ),
        Index(
            "ix_deliveries_dead",
            "tenant_id",
            "id",
            sqlite_where=text("state = 'dead'"),
            postgresql_where=text("state = 'dead'"),
        ),
        Index(
            "ix_deliveries_cancelled",
            "tenant_id",
            "event_id",
            sqlite_where=text("state = 'cancelled'"),
            postgresql_where=text("state = 'cancelled'"),
        ),
        Index("ix_deliveries_tenant_id_id", "tenant_id", "id"),
    )


class SourcePurge(Base, TenantOwned):
    """How far the purge has come with a source that has a retention of its own: up to this id."""

    __tablename__ = "source_purges"
    source_id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    purged_to: Mapped[str] = mapped_column(Identifier)


class Attempt(Base, TenantOwned):
    """One attempt of a delivery, with its outcome. `number` counts from 1 over the delivery's whole life."""

    __tablename__ = "attempts"
    delivery_id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    started_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    duration_ms: Mapped[int] = mapped_column(Integer)
    outcome: Mapped[str] = mapped_column(String(32))
    status: Mapped[int | None] = mapped_column(Integer)
    error: Mapped[str | None] = mapped_column(Text)
    response_excerpt: Mapped[str | None] = mapped_column(Text)


class DestinationState(Base, TenantOwned):
    """What all workers share about a destination: circuit, pacing and rate. Apart from its configuration, because
    it changes with the traffic. No row means: closed, unpaced, full bucket.

    `paused_until` paces the whole destination (`Retry-After`). `opened_count` counts openings in a row and lengthens
    the pause. `probe_expires_at` is when a probe that was never answered stops counting.
    """

    __tablename__ = "destination_states"
    destination_id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    circuit: Mapped[str] = mapped_column(String(16))
    failures_in_a_row: Mapped[int] = mapped_column(Integer)
    opened_count: Mapped[int] = mapped_column(Integer)
    probe_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    probe_expires_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    paused_until: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    rate_tokens: Mapped[float | None] = mapped_column(Float)
    rate_refilled_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
