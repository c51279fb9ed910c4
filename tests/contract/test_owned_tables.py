"""No table with rows of tenants is forgotten: each is scoped, and erased."""

from __future__ import annotations

from sqlalchemy import LargeBinary

from gateway.db.model import TenantOwned
from gateway.tenant_data.exported import EXPORTED, LEFT_OUT, WITHIN
from gateway.tenant_data.tables import OWNED
from tests.contract.test_docs import first_codes
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


def test_exporting_knows_every_table_and_its_page_every_kind() -> None:
    written = {str(table.model.__tablename__) for table in EXPORTED}
    for others in (WITHIN, LEFT_OUT):
        assert not written & others.keys()
        written |= others.keys()
    assert written == {table.name for table in owned_tables()}
    kinds = {table.kind for table in EXPORTED}
    assert kinds <= set(first_codes("tenant-export.md"))


def test_what_is_exported_in_bytes_is_known() -> None:
    found = {
        (table.kind, column.name)
        for table in EXPORTED
        for column in table.model.__table__.columns
        if isinstance(column.type, LargeBinary) and column.name not in table.hidden
    }
    assert found == {
        ("events", "body"),
        ("events", "headers"),
        ("deliveries", "payload"),
        ("rejections", "body"),
        ("rejections", "headers"),
        ("audit", "hash"),
    }
