"""The vault: what is sealed opens where it belongs, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select, update

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.db.scope import TenantSession
from gateway.errors import DecryptionFailed
from gateway.installation import Installation
from gateway.oauth import vault
from gateway.oauth.models import VaultEntry
from gateway.tenants.acting import Acting, act
from tests.services.acting import TESTER, add_tenant


@pytest.fixture
def installation(settings: Settings, fake_clock: FakeClock) -> Iterator[Installation]:
    with Installation(settings, clock=fake_clock) as made:
        yield made


@pytest.fixture
def acting(installation: Installation) -> Iterator[Acting]:
    with act(installation, actor=TESTER, write=True) as acting:
        yield acting


def store(acting: Acting, owner_id: str, **secrets: str) -> None:
    tenant_id = acting.tenant.id
    vault.write(acting.session, acting.keyring, tenant_id=tenant_id, owner_id=owner_id, secrets=secrets, now=acting.now)
    acting.session.flush()


def test_what_is_stored_is_read_changed_and_forgotten(acting: Acting) -> None:
    session = acting.session
    store(acting, "conn_1", access_token="first", refresh_token="kept")
    store(acting, "conn_2", access_token="another")
    store(acting, "conn_1", access_token="second")
    assert vault.read(session, acting.keyring, "conn_1") == {"access_token": "second", "refresh_token": "kept"}
    assert vault.read_many(session, acting.keyring, ["conn_1", "conn_2", "conn_3"]).keys() == {"conn_1", "conn_2"}
    assert vault.fields(session, "conn_1") == ["access_token", "refresh_token"]
    vault.forget(session, "conn_1", ["access_token"])
    assert vault.fields(session, "conn_1") == ["refresh_token"]
    vault.forget(session, "conn_1")
    assert vault.read(session, acting.keyring, "conn_1") == {}
    assert vault.read(session, acting.keyring, "conn_2") == {"access_token": "another"}


@pytest.mark.parametrize("change", [{"owner_id": "conn_9"}, {"field": "refresh_token"}, {"tenant_id": "ten_rival"}])
def test_a_row_that_was_moved_does_not_open(
    installation: Installation, acting: Acting, fake_clock: FakeClock, change: dict[str, str]
) -> None:
    store(acting, "conn_1", access_token="secret")
    connection = acting.session.connection()
    connection.execute(update(VaultEntry.__table__).values(**change))
    row = connection.execute(select(VaultEntry.__table__)).one()
    moved = VaultEntry(**row._mapping)
    with pytest.raises(DecryptionFailed):
        vault.open_entry(installation.keyring, moved)


def test_a_tenant_sees_its_own_alone(installation: Installation, fake_clock: FakeClock) -> None:
    add_tenant(installation.database, fake_clock, "rival")
    with act(installation, actor=TESTER, write=True) as acting:
        store(acting, "conn_1", access_token="secret")
    with act(installation, actor=TESTER, tenant="rival") as rival:
        assert isinstance(rival.session, TenantSession)
        assert vault.read(rival.session, installation.keyring, "conn_1") == {}
        vault.forget(rival.session, "conn_1")
    with act(installation, actor=TESTER) as acting:
        assert vault.fields(acting.session, "conn_1") == ["access_token"]
