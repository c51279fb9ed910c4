"""No table with rows of tenants is forgotten: each is scoped, and erased."""

from __future__ import annotations

from gateway.db.model import TenantOwned
from gateway.tenant_data.tables import OWNED
from tests.services.owned_rows import models, owned_tables


def test_no_table_is_without_a_scope() -> None:
    assert [model.__name__ for model in models() if not issubclass(model, TenantOwned)] == []
    assert len(models()) == len(owned_tables()) >= 12


def test_erasing_knows_every_table() -> None:
    assert {table.name for table in OWNED} == {table.name for table in owned_tables()}
    order = [table.name for table in OWNED]
    for table in owned_tables():
        for key in table.foreign_keys:
            if key.column.table.name in order:
                assert order.index(table.name) < order.index(key.column.table.name), table.name
