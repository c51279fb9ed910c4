"""Deliveries of an event by tenant too: without statistics, planners took the tenant's index and read all of its rows

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from alembic import op


revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_deliveries_event_id_tenant_id", "deliveries", ["event_id", "tenant_id"])
    op.drop_index("ix_deliveries_event_id", table_name="deliveries")


def downgrade() -> None:
    op.create_index("ix_deliveries_event_id", "deliveries", ["event_id"])
    op.drop_index("ix_deliveries_event_id_tenant_id", table_name="deliveries")
