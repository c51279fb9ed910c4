"""Migration 0004: every route that is there gets a name, the same on every database with the same routes."""

from __future__ import annotations

from alembic import command
from sqlalchemy import text

from gateway.db.database import Database
from gateway.db.schema.upgrade import config_on

DESTINATIONS = [("dst_1", "ten_default", "app"), ("dst_2", "ten_default", "shop:handle"), ("dst_3", "ten_2", "app")]
ROUTES = [
    ("rte_1", "ten_default", "github", "dst_1"),
    ("rte_2", "ten_default", "github", "dst_2"),
    ("rte_3", "ten_default", "github", "dst_1"),
    ("rte_4", "ten_default", "github", "dst_1"),
    ("rte_5", "ten_2", "github", "dst_3"),
]
_ADD_TENANT = text("INSERT INTO tenants (id, slug, created_at) VALUES ('ten_2', 'two', 0)")
_ADD_DESTINATION = text(
    "INSERT INTO destinations (id, tenant_id, name, kind, fatal_statuses, created_at, updated_at) "
    "VALUES (:id, :tenant, :name, 'http', '[]', 0, 0)"
)
# As the version before adds one.
_ADD_ROUTE = text(
    "INSERT INTO routes (id, tenant_id, source, event_types, destination_id, created_at) "
    "VALUES (:id, :tenant, :source, '[\"*\"]', :destination, 0)"
)


def names(database: Database) -> dict[str, str | None]:
    with database.read() as connection:
        return dict(map(tuple, connection.execute(text("SELECT id, name FROM routes"))))


def test_what_is_there_is_named_and_the_version_before_goes_on(database: Database) -> None:
    with database.write() as connection:
        command.downgrade(config_on(connection), "0003")
    with database.write() as connection:
        connection.execute(_ADD_TENANT)
        for id_, tenant, name in DESTINATIONS:
            connection.execute(_ADD_DESTINATION, {"id": id_, "tenant": tenant, "name": name})
        for id_, tenant, source, destination in ROUTES:
            row = {"id": id_, "tenant": tenant, "source": source, "destination": destination}
            connection.execute(_ADD_ROUTE, row)
    with database.write() as connection:
        command.upgrade(config_on(connection), "head")
    named = {
        "rte_1": "github-to-app",
        "rte_2": "github-to-shop-handle",
        "rte_3": "github-to-app-2",
        "rte_4": "github-to-app-3",
        "rte_5": "github-to-app",
    }
    assert names(database) == named
    with database.write() as connection:
        for id_ in ("rte_6", "rte_7"):
            row = {"id": id_, "tenant": "ten_2", "source": "github", "destination": "dst_3"}
            connection.execute(_ADD_ROUTE, row)
    assert names(database) == named | {"rte_6": None, "rte_7": None}
