"""How integrations are at this moment: read from the database, of all tenants."""

from __future__ import annotations

from sqlalchemy import func, select

from gateway.db.database import Database
from gateway.integrations.models import Integration
from gateway.telemetry.exposition import IntegrationGauges

_BY = (Integration.type, Integration.state, Integration.health_state)
_COUNTED = select(*_BY, func.count()).group_by(*_BY)


def read_integration_gauges(database: Database) -> IntegrationGauges:
    """The gauges. Raises `StorageUnavailable`."""
    with database.read() as connection:
        rows = connection.execute(_COUNTED)
        return IntegrationGauges({(type_, state, health): count for type_, state, health, count in rows})
