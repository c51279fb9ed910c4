"""Rejections that can be taken in

Revision ID: 0022
Revises: 0021
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.db.types import Identifier

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rejections", sa.Column("is_whole", sa.Boolean(), nullable=True))
    op.add_column("rejections", sa.Column("accepted_as", Identifier, nullable=True))


def downgrade() -> None:
    op.drop_column("rejections", "accepted_as")
    op.drop_column("rejections", "is_whole")
