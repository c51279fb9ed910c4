"""Every table that tenants have rows in, whichever there are: law 9, and erasing."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
from sqlalchemy import delete, func, select, update

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.db.database import Database
from gateway.db.scope import TenantMismatch
from gateway.installation import Installation
from gateway.tenant_data.erasing import erase_tenant, plan_erasing
from gateway.tenants.acting import act_for_system
from gateway.tenants.audit_trail.models import AuditIsAppendOnly
from gateway.tenants.models import DEFAULT_TENANT_ID
from tests.services.acting import TESTER, add_tenant
from tests.services.owned_rows import fill, models, own_row, owned_tables


@pytest.fixture
def installation(settings: Settings, fake_clock: FakeClock) -> Iterator[Installation]:
    with Installation(settings, clock=fake_clock) as made:
        yield made


@pytest.fixture
def other(database: Database, fake_clock: FakeClock) -> str:
    """Another tenant; both have a row in every table."""
    tenant_id = add_tenant(database, fake_clock, "acme")
    for one in (DEFAULT_TENANT_ID, tenant_id):
        fill(database, one)
    return tenant_id


def counts(database: Database, tenant_id: str) -> dict[str, int]:
    with database.read() as connection:
        return {
            table.name: connection.execute(
                select(func.count()).select_from(table).where(table.c.tenant_id == tenant_id)
            ).scalar_one()
            for table in owned_tables()
        }


def test_a_tenant_sees_and_changes_its_own_rows_alone(database: Database, other: str) -> None:
    for model in models():
        with database.tenant_session(other) as session:
            assert [row.tenant_id for row in session.scalars(select(model))] == [other], model  # type: ignore[attr-defined]
            assert session.scalar(select(func.count()).select_from(model)) == 1, model
        foreign = model(**own_row(model.__table__, DEFAULT_TENANT_ID))  # type: ignore[arg-type]
        with pytest.raises(TenantMismatch), database.tenant_session(other, write=True) as session:
            session.add(foreign)
    for model in reversed([model for table in owned_tables() for model in models() if model.__table__ is table]):
        column = next(iter(model.__table__.primary_key))
        for statement in (update(model).values({column.name: column}), delete(model)):
            try:
                with database.tenant_session(other, write=True) as session:
                    session.execute(statement)
            except AuditIsAppendOnly:
                assert model.__tablename__ == "audit_entries"
    left = {table.name: int(table.name == "audit_entries") for table in owned_tables()}
    assert counts(database, other) == left
    assert set(counts(database, DEFAULT_TENANT_ID).values()) == {1}


def test_erasing_leaves_nothing_and_nobody_else_loses_a_row(
    installation: Installation, database: Database, other: str, fake_clock: FakeClock
) -> None:
    begin = partial(act_for_system, installation, actor=TESTER, write=True)
    with act_for_system(installation, actor=TESTER) as acting:
        planned = plan_erasing(acting, "acme")
    assert {name: count for name, count in planned.items() if count} == {table.name: 1 for table in owned_tables()}
    *_, gone = erase_tenant(begin, "acme", pause=fake_clock.advance)
    assert gone == {table.name: 1 for table in owned_tables()}
    assert set(counts(database, other).values()) == {0}
    assert set(counts(database, DEFAULT_TENANT_ID).values()) == {1}
