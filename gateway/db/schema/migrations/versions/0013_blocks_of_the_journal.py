"""Blocks of the journal: by what filter and by which words events are found; and cancelled deliveries by their events

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    identifier = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
    term = sa.String(400).with_variant(sa.String(400, collation="C"), "postgresql")
    op.create_table(
        "event_blocks",
        sa.Column("last_id", identifier, nullable=False),
        sa.Column("after_id", identifier, nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("segments", sa.Integer(), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        sa.Column("built_at", sa.BigInteger(), nullable=False),
        sa.Column("is_settled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("last_id", name="pk_event_blocks"),
        sa.UniqueConstraint("after_id", name="uq_event_blocks_after_id"),
    )
    op.create_index(
        "ix_event_blocks_unsettled",
        "event_blocks",
        ["last_id"],
        sqlite_where=sa.text("NOT is_settled"),
        postgresql_where=sa.text("NOT is_settled"),
    )
    op.create_table(
        "event_block_terms",
        sa.Column("tenant_id", identifier, nullable=False),
        sa.Column("term", term, nullable=False),
        sa.Column("last_id", identifier, nullable=False),
        sa.Column("first_found", identifier, nullable=False),
        sa.Column("last_found", identifier, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "term", "last_id", name="pk_event_block_terms"),
    )
    op.create_index("ix_event_block_terms_last_id", "event_block_terms", ["last_id"])
    op.create_index(
        "ix_deliveries_cancelled",
        "deliveries",
        ["tenant_id", "event_id"],
        sqlite_where=sa.text("state = 'cancelled'"),
        postgresql_where=sa.text("state = 'cancelled'"),
    )
    if op.get_bind().dialect.name == "postgresql":
        # Bits without a pattern: nothing to compress, and a piece of them is read without the rest.
        op.execute("ALTER TABLE event_blocks ALTER COLUMN words SET STORAGE EXTERNAL")


def downgrade() -> None:
    op.drop_index("ix_deliveries_cancelled", "deliveries")
    op.drop_table("event_block_terms")
    op.drop_table("event_blocks")
