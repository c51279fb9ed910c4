"""A revision for each kind of configuration, so that a change loads again only what it touches

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "INSERT INTO revisions (name, value) VALUES ('tenants', 0), ('sources', 0), ('destinations', 0), ('routes', 0)"
    )


def downgrade() -> None:
    op.execute("DELETE FROM revisions WHERE name <> 'configuration'")
