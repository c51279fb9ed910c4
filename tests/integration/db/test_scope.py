"""Tenant isolation: what a tenant's session sees and may write, on both databases."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from sqlalchemy import Executable, delete, func, insert, select, text, update

from gateway.db.database import Database
from gateway.db.revisions import EVERY_KIND, moved_kinds, read_revisions
from gateway.db.scope import TenantMismatch
from gateway.delivery.models import Delivery, DestinationSecret, Route
from gateway.tenants.models import DEFAULT_TENANT_ID, Tenant
from gateway.webhooks.sources.models import Source, SourceCredential

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def source(slug: str, **values: object) -> Source:
    defaults: dict[str, object] = {
        "id": f"src_{slug}_{values.get('tenant_id', '')}",
        "slug": slug,
        "provider": "github",
        "options": {},
        "allowed_ips": [],
        "pending_handshake": False,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Source(**(defaults | values))


@pytest.fixture
def other(database: Database) -> str:
    with database.system_session(write=True) as session:
        session.add(Tenant(id="ten_other", slug="other", created_at=NOW))
    return "ten_other"


def revisions(database: Database) -> Mapping[str, int]:
    with database.system_session() as session:
        return read_revisions(session)


def test_two_tenants_may_have_equal_slugs_and_see_only_their_own(database: Database, other: str) -> None:
    for tenant_id in (DEFAULT_TENANT_ID, other):
        with database.tenant_session(tenant_id, write=True) as session:
            session.add(source("github", id=f"src_{tenant_id}"))
    for tenant_id in (DEFAULT_TENANT_ID, other):
        with database.tenant_session(tenant_id) as session:
            assert [row.tenant_id for row in session.scalars(select(Source))] == [tenant_id]
            assert session.scalar(select(func.count()).select_from(Source)) == 1
    with database.system_session() as session:
        assert session.scalar(select(func.count()).select_from(Source)) == 2


def test_a_foreign_row_cannot_be_got_by_its_id(database: Database, other: str) -> None:
    with database.tenant_session(other, write=True) as session:
        session.add(source("github", id="src_foreign"))
    with database.tenant_session(DEFAULT_TENANT_ID) as session:
        assert session.get(Source, "src_foreign") is None
        assert session.scalars(select(Source.slug)).all() == []


def test_bulk_update_and_delete_stay_with_the_tenant(database: Database, other: str) -> None:
    for tenant_id in (DEFAULT_TENANT_ID, other):
        with database.tenant_session(tenant_id, write=True) as session:
            session.add(source("github", id=f"src_{tenant_id}"))
    with database.tenant_session(DEFAULT_TENANT_ID, write=True) as session:
        session.execute(update(Source).values(provider="gitlab"))
    with database.tenant_session(other) as session:
        assert session.scalars(select(Source.provider)).all() == ["github"]
    with database.tenant_session(DEFAULT_TENANT_ID, write=True) as session:
        session.execute(delete(Source))
    with database.system_session() as session:
        assert session.scalars(select(Source.tenant_id)).all() == [other]


def test_writing_a_row_of_another_tenant_is_refused(database: Database, other: str) -> None:
    with pytest.raises(TenantMismatch), database.tenant_session(DEFAULT_TENANT_ID, write=True) as session:
        session.add(source("github", tenant_id=other))
    with database.system_session() as session:
        assert session.scalars(select(Source)).all() == []


def test_a_change_of_configuration_moves_the_revision_of_its_kind_with_it(database: Database) -> None:
    before = revisions(database)
    with database.tenant_session(DEFAULT_TENANT_ID, write=True) as session:
        session.add(source("github"))
    added = revisions(database)
    assert moved_kinds(before, added) == {"sources"}
    assert added["configuration"] == before["configuration"] + 1
    with database.tenant_session(DEFAULT_TENANT_ID, write=True) as session:
        session.scalars(select(Source)).one().provider = "gitlab"
    changed = revisions(database)
    assert moved_kinds(added, changed) == {"sources"}
    with suppress(KeyError), database.tenant_session(DEFAULT_TENANT_ID, write=True) as session:
        session.delete(session.scalars(select(Source)).one())
        session.flush()
        raise KeyError
    assert revisions(database) == changed


@pytest.mark.parametrize(
    ("statement", "kinds"),
    [
        (update(Source).values(provider="gitlab"), {"sources"}),
        (delete(SourceCredential), {"sources"}),
        (delete(DestinationSecret), {"destinations"}),
        (update(Route).values(source="other"), {"routes"}),
        (insert(Tenant).values(id="ten_new", slug="new", created_at=NOW), {"tenants"}),
        (update(Delivery).values(reason="other"), set()),
        (select(Source), set()),
    ],
    ids=lambda value: str(value).split("\n")[0] if not isinstance(value, set) else "",
)
def test_statements_in_bulk_move_it_too(database: Database, statement: Executable, kinds: set[str]) -> None:
    before = revisions(database)
    with database.system_session(write=True) as session:
        session.execute(statement)
    assert moved_kinds(before, revisions(database)) == kinds


def test_two_kinds_in_one_transaction_are_two(database: Database) -> None:
    before = revisions(database)
    with database.system_session(write=True) as session:
        session.add(Tenant(id="ten_new", slug="new", created_at=NOW))
        session.flush()
        session.add(source("github", tenant_id="ten_new"))
    after = revisions(database)
    assert moved_kinds(before, after) == {"tenants", "sources"}
    assert after["configuration"] == before["configuration"] + 2


def test_a_change_by_an_older_version_moves_everything(database: Database) -> None:
    before = revisions(database)
    with database.write() as connection:
        connection.execute(text("UPDATE revisions SET value = value + 1 WHERE name = 'configuration'"))
    assert moved_kinds(before, revisions(database)) == EVERY_KIND
    assert moved_kinds(before, before) == frozenset()
