"""Proofs that were accepted, and whether a source refuses them a second time

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.db.types import Identifier, UtcTimestamp


revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accepted_proofs",
        sa.Column("digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("events_digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("event_id", Identifier, nullable=False),
        sa.Column("expires_at", UtcTimestamp(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_accepted_proofs")),
    )
    op.create_index("ix_accepted_proofs_expires_at", "accepted_proofs", ["expires_at"])
    # NULL for all that is there: what the scheme allows for. Programs of the version before do not name it.
    op.add_column("sources", sa.Column("refuses_replays", sa.Boolean(), nullable=True))


def downgrade() -> None:
    op.drop_column("sources", "refuses_replays")
    op.drop_table("accepted_proofs")
