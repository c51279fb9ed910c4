"""Tenants, sources, journal and queue

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.db.types import Identifier, Key, UtcTimestamp


revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attempts",
        sa.Column("delivery_id", Identifier, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", UtcTimestamp(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("response_excerpt", sa.Text(), nullable=True),
        sa.Column("tenant_id", Identifier, nullable=False),
        sa.PrimaryKeyConstraint("delivery_id", "number", name=op.f("pk_attempts")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", Identifier, nullable=False),
        sa.Column("event_id", Identifier, nullable=False),
        sa.Column("destination_id", Identifier, nullable=False),
        sa.Column("route_id", Identifier, nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("ordering_key", Key, nullable=True),
        sa.Column("attempts_made", sa.Integer(), nullable=False),
        sa.Column("schedule_position", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcTimestamp(), nullable=False),
        sa.Column("scheduled_at", UtcTimestamp(), nullable=False),
        sa.Column("lease_token", Identifier, nullable=True),
        sa.Column("lease_expires_at", UtcTimestamp(), nullable=True),
        sa.Column("created_at", UtcTimestamp(), nullable=False),
        sa.Column("finished_at", UtcTimestamp(), nullable=True),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("payload", sa.LargeBinary(), nullable=True),
        sa.Column("tenant_id", Identifier, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.create_index(
            "ix_deliveries_dead",
            ["tenant_id", "id"],
            unique=False,
            sqlite_where=sa.text("state = 'dead'"),
            postgresql_where=sa.text("state = 'dead'"),
        )
        batch_op.create_index(
            "ix_deliveries_due",
            ["destination_id", "next_attempt_at"],
            unique=False,
            sqlite_where=sa.text("state = 'pending' AND ordering_key IS NULL"),
            postgresql_where=sa.text("state = 'pending' AND ordering_key IS NULL"),
        )
        batch_op.create_index("ix_deliveries_event_id", ["event_id"], unique=False)
        batch_op.create_index(
            "ix_deliveries_keyed",
            ["destination_id", "ordering_key", "id"],
            unique=False,
            sqlite_where=sa.text("state IN ('pending', 'leased') AND ordering_key IS NOT NULL"),
            postgresql_where=sa.text("state IN ('pending', 'leased') AND ordering_key IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_deliveries_leased",
            ["lease_expires_at"],
            unique=False,
            sqlite_where=sa.text("state = 'leased'"),
            postgresql_where=sa.text("state = 'leased'"),
        )
        batch_op.create_index("ix_deliveries_tenant_id_id", ["tenant_id", "id"], unique=False)
        batch_op.create_index(
            "uq_deliveries_leased_key",
            ["destination_id", "ordering_key"],
            unique=True,
            sqlite_where=sa.text("state = 'leased' AND ordering_key IS NOT NULL"),
            postgresql_where=sa.text("state = 'leased' AND ordering_key IS NOT NULL"),
        )

    op.create_table(
        "destination_states",
        sa.Column("destination_id", Identifier, nullable=False),
        sa.Column("circuit", sa.String(length=16), nullable=False),
        sa.Column("failures_in_a_row", sa.Integer(), nullable=False),
        sa.Column("opened_count", sa.Integer(), nullable=False),
        sa.Column("probe_at", UtcTimestamp(), nullable=True),
        sa.Column("probe_expires_at", UtcTimestamp(), nullable=True),
        sa.Column("paused_until", UtcTimestamp(), nullable=True),
        sa.Column("rate_tokens", sa.Float(), nullable=True),
        sa.Column("rate_refilled_at", UtcTimestamp(), nullable=True),
        sa.Column("tenant_id", Identifier, nullable=False),
        sa.PrimaryKeyConstraint("destination_id", name=op.f("pk_destination_states")),
    )
    op.create_table(
        "events",
        sa.Column("id", Identifier, nullable=False),
        sa.Column("source_id", Identifier, nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("type", Key, nullable=True),
        sa.Column("dedupe_key", Key, nullable=True),
        sa.Column("received_at", UtcTimestamp(), nullable=False),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.Column("method", sa.String(length=8), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("content_type", sa.String(length=255), nullable=True),
        sa.Column("body_bytes", sa.Integer(), nullable=False),
        sa.Column("headers", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("tenant_id", Identifier, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index("ix_events_tenant_id_id", ["tenant_id", "id"], unique=False)
        batch_op.create_index("uq_events_source_id_dedupe_key", ["source_id", "dedupe_key"], unique=True)

    op.create_table(
        "rejections",
        sa.Column("id", Identifier, nullable=False),
        sa.Column("source_id", Identifier, nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("received_at", UtcTimestamp(), nullable=False),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.Column("client_address", sa.String(length=64), nullable=True),
        sa.Column("method", sa.String(length=16), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("headers", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("body_bytes", sa.Integer(), nullable=False),
        sa.Column("tenant_id", Identifier, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rejections")),
    )
    with op.batch_alter_table("rejections", schema=None) as batch_op:
        batch_op.create_index("ix_rejections_received_at", ["received_at"], unique=False)
        batch_op.create_index(
            "ix_rejections_tenant_id_source_id_id", ["tenant_id", "source_id", "id"], unique=False
        )

    op.create_table(
        "revisions",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_revisions")),
    )
    op.create_table(
        "tenants",
        sa.Column("id", Identifier, nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcTimestamp(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenants")),
        sa.UniqueConstraint("slug", name=op.f("uq_tenants_slug")),
    )
    op.create_table(
        "destinations",
        sa.Column("id", Identifier, nullable=False),
        sa.Column("tenant_id", Identifier, nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("handler", sa.String(length=255), nullable=True),
        sa.Column("timeout_seconds", sa.Float(), nullable=True),
        sa.Column("concurrency", sa.Integer(), nullable=True),
        sa.Column("rate_per_second", sa.Float(), nullable=True),
        sa.Column("schedule_seconds", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("ordering_key", sa.Text(), nullable=True),
        sa.Column("fatal_statuses", sa.JSON(), nullable=False),
        sa.Column("sealed_headers", sa.LargeBinary(), nullable=True),
        sa.Column("disabled_at", UtcTimestamp(), nullable=True),
        sa.Column("disabled_reason", sa.String(length=64), nullable=True),
        sa.Column("created_at", UtcTimestamp(), nullable=False),
        sa.Column("updated_at", UtcTimestamp(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_destinations_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_destinations")),
        sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_destinations_tenant_id_name")),
    )
    op.create_table(
        "sources",
        sa.Column("id", Identifier, nullable=False),
        sa.Column("tenant_id", Identifier, nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("scheme", sa.String(length=64), nullable=True),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("allowed_ips", sa.JSON(), nullable=False),
        sa.Column("rate_per_second", sa.Float(), nullable=True),
        sa.Column("pending_handshake", sa.Boolean(), nullable=False),
        sa.Column("confirmed_at", UtcTimestamp(), nullable=True),
        sa.Column("disabled_at", UtcTimestamp(), nullable=True),
        sa.Column("created_at", UtcTimestamp(), nullable=False),
        sa.Column("updated_at", UtcTimestamp(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_sources_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sources")),
        sa.UniqueConstraint("tenant_id", "slug", name=op.f("uq_sources_tenant_id_slug")),
    )
    op.create_table(
        "destination_secrets",
        sa.Column("id", Identifier, nullable=False),
        sa.Column("destination_id", Identifier, nullable=False),
        sa.Column("sealed_value", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UtcTimestamp(), nullable=False),
        sa.Column("expires_at", UtcTimestamp(), nullable=True),
        sa.Column("tenant_id", Identifier, nullable=False),
        sa.ForeignKeyConstraint(
            ["destination_id"], ["destinations.id"], name=op.f("fk_destination_secrets_destination_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_destination_secrets")),
    )
    with op.batch_alter_table("destination_secrets", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_destination_secrets_destination_id"), ["destination_id"], unique=False
        )

    op.create_table(
        "routes",
        sa.Column("id", Identifier, nullable=False),
        sa.Column("tenant_id", Identifier, nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("event_types", sa.JSON(), nullable=False),
        sa.Column("where", sa.Text(), nullable=True),
        sa.Column("transform", sa.Text(), nullable=True),
        sa.Column("destination_id", Identifier, nullable=False),
        sa.Column("created_at", UtcTimestamp(), nullable=False),
        sa.ForeignKeyConstraint(
            ["destination_id"], ["destinations.id"], name=op.f("fk_routes_destination_id")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_routes_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_routes")),
    )
    with op.batch_alter_table("routes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_routes_tenant_id"), ["tenant_id"], unique=False)

    op.create_table(
        "source_credentials",
        sa.Column("id", Identifier, nullable=False),
        sa.Column("source_id", Identifier, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("sealed_value", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UtcTimestamp(), nullable=False),
        sa.Column("expires_at", UtcTimestamp(), nullable=True),
        sa.Column("tenant_id", Identifier, nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_source_credentials_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_credentials")),
    )
    with op.batch_alter_table("source_credentials", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_source_credentials_source_id"), ["source_id"], unique=False)
    op.execute("INSERT INTO revisions (name, value) VALUES ('configuration', 1)")
    # The tenant that single-tenant installs and the command line work on; 2026-01-01 stands for "always".
    op.execute(
        "INSERT INTO tenants (id, slug, created_at) VALUES ('ten_default', 'default', 1767225600000000)"
    )


def downgrade() -> None:
    with op.batch_alter_table("source_credentials", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_source_credentials_source_id"))

    op.drop_table("source_credentials")
    with op.batch_alter_table("routes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_routes_tenant_id"))

    op.drop_table("routes")
    with op.batch_alter_table("destination_secrets", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_destination_secrets_destination_id"))

    op.drop_table("destination_secrets")
    op.drop_table("sources")
    op.drop_table("destinations")
    op.drop_table("tenants")
    op.drop_table("revisions")
    with op.batch_alter_table("rejections", schema=None) as batch_op:
        batch_op.drop_index("ix_rejections_tenant_id_source_id_id")
        batch_op.drop_index("ix_rejections_received_at")

    op.drop_table("rejections")
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.drop_index("uq_events_source_id_dedupe_key")
        batch_op.drop_index("ix_events_tenant_id_id")

    op.drop_table("events")
    op.drop_table("destination_states")
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_deliveries_leased_key",
            sqlite_where=sa.text("state = 'leased' AND ordering_key IS NOT NULL"),
            postgresql_where=sa.text("state = 'leased' AND ordering_key IS NOT NULL"),
        )
        batch_op.drop_index("ix_deliveries_tenant_id_id")
        batch_op.drop_index(
            "ix_deliveries_leased",
            sqlite_where=sa.text("state = 'leased'"),
            postgresql_where=sa.text("state = 'leased'"),
        )
        batch_op.drop_index(
            "ix_deliveries_keyed",
            sqlite_where=sa.text("state IN ('pending', 'leased') AND ordering_key IS NOT NULL"),
            postgresql_where=sa.text("state IN ('pending', 'leased') AND ordering_key IS NOT NULL"),
        )
        batch_op.drop_index("ix_deliveries_event_id")
        batch_op.drop_index(
            "ix_deliveries_due",
            sqlite_where=sa.text("state = 'pending' AND ordering_key IS NULL"),
            postgresql_where=sa.text("state = 'pending' AND ordering_key IS NULL"),
        )
        batch_op.drop_index(
            "ix_deliveries_dead",
            sqlite_where=sa.text("state = 'dead'"),
            postgresql_where=sa.text("state = 'dead'"),
        )

    op.drop_table("deliveries")
    op.drop_table("attempts")
