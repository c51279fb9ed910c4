"""A row in every table that tenants have rows in, made from what the tables say of their columns."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Boolean, Column, Float, Integer, LargeBinary, Table, insert

from gateway.db.database import Database
from gateway.db.model import Base
from gateway.db.types import UtcTimestamp
from gateway.factory import create_app

assert create_app  # importing the factory declares every table

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def owned_tables() -> list[Table]:
    """Every table with a column `tenant_id`; what others point to comes first."""
    return [table for table in Base.metadata.sorted_tables if "tenant_id" in table.columns]


def models() -> list[type[Base]]:
    """The classes of these tables."""
    return [mapper.class_ for mapper in Base.registry.mappers if "tenant_id" in mapper.local_table.columns]


def own_row(table: Table, tenant_id: str) -> dict[str, Any]:
    """The values of the one row that `fill` gives a tenant in `table`."""
    return {
        column.name: _value(table, column, tenant_id)
        for column in table.columns
        if not column.nullable or column.name == "tenant_id"
    }


def fill(database: Database, tenant_id: str) -> None:
    """One row in each of `owned_tables` for a tenant that is there."""
    with database.write() as connection:
        for table in owned_tables():
            connection.execute(insert(table).values(own_row(table, tenant_id)))


def _value(table: Table, column: Column[Any], tenant_id: str) -> Any:
    if column.name == "tenant_id":
        return tenant_id
    for key in column.foreign_keys:
        return own_row(key.column.table, tenant_id)[key.column.name]
    kinds: dict[type, Any] = {
        UtcTimestamp: NOW,
        JSON: [],
        Boolean: False,
        Float: 1.0,
        Integer: 1,
        LargeBinary: b"secret of " + tenant_id.encode(),
    }
    for kind, value in kinds.items():
        if isinstance(column.type, kind):
            return value
    length = getattr(column.type, "length", None) or 64
    return f"{tenant_id} {table.name}"[:length]
