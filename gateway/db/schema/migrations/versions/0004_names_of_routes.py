"""Names of routes: those that are there are called after their source and destination

Programs of the version before add routes without a name, which stay so: any number of NULLs is unique.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# As long as a derived name may be, with room for a number behind it in the 128 characters of the column.
STEM_CHARACTERS = 120


def upgrade() -> None:
    op.add_column("routes", sa.Column("name", sa.String(length=128), nullable=True))
    _name_what_is_there()
    op.create_index("uq_routes_tenant_id_name", "routes", ["tenant_id", "name"], unique=True)


def downgrade() -> None:
    op.drop_index("uq_routes_tenant_id_name", table_name="routes")
    with op.batch_alter_table("routes", schema=None) as batch_op:
        batch_op.drop_column("name")


def _name_what_is_there() -> None:
    """In the order in which they were added, so that every database with the same routes names them alike."""
    connection = op.get_bind()
    statement = (
        "SELECT routes.id, routes.tenant_id, routes.source, destinations.name FROM routes "
        "LEFT JOIN destinations ON destinations.id = routes.destination_id ORDER BY routes.tenant_id, routes.id"
    )
    counts: dict[tuple[str, str], int] = {}
    taken: set[tuple[str, str]] = set()
    named = []
    for route_id, tenant_id, source, destination in connection.execute(sa.text(statement)):
        stem = re.sub(r"[^A-Za-z0-9._-]", "-", f"{source}-to-{destination}")[:STEM_CHARACTERS]
        name, number = stem, counts.get((tenant_id, stem), 1)
        while (tenant_id, name) in taken:
            number += 1
            name = f"{stem}-{number}"
        counts[tenant_id, stem] = number
        taken.add((tenant_id, name))
        named.append({"id": route_id, "name": name})
    if named:
        connection.execute(sa.text("UPDATE routes SET name = :name WHERE id = :id"), named)
