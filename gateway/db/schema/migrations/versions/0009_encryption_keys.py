"""Which encryption keys values are sealed with, so that no machine makes one of its own

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# A sealed value is its version, the id of its key in 8 bytes, and the rest.
SEALED = ("source_credentials.sealed_value", "destination_secrets.sealed_value", "destinations.sealed_headers")


def upgrade() -> None:
    op.create_table(
        "encryption_keys",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("claimed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_encryption_keys"),
    )
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    key_id = "lower(hex(substr({0}, 2, 8)))" if is_sqlite else "encode(substring({0} from 2 for 8), 'hex')"
    for place in SEALED:
        table, column = place.split(".")
        op.execute(
            f"INSERT INTO encryption_keys (id, claimed_at) SELECT DISTINCT {key_id.format(column)}, 0 "  # noqa: S608
            f"FROM {table} WHERE length({column}) > 9 ON CONFLICT DO NOTHING"
        )


def downgrade() -> None:
    op.drop_table("encryption_keys")
