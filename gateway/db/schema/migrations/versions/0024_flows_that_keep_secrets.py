"""Flows that keep something sealed, by when they end

Revision ID: 0024
Revises: 0023
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

KEEPS = sa.text("sealed IS NOT NULL")


def upgrade() -> None:
    op.create_index(
        "ix_oauth_flows_sealed", "oauth_flows", ["expires_at"], sqlite_where=KEEPS, postgresql_where=KEEPS
    )


def downgrade() -> None:
    op.drop_index("ix_oauth_flows_sealed", "oauth_flows")
