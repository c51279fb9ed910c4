"""Acting: one transaction of somebody for one tenant, with an audit trail that stands or falls with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from gateway.clock import FakeClock, from_us
from gateway.config import Settings
from gateway.db.scope import SystemSession
from gateway.errors import Hint, NotFound
from gateway.installation import Installation
from gateway.tenants.acting import act, act_for_system
from gateway.tenants.audit import Actor, ActorKind, InMemoryAuditTrail, NullAuditTrail, differences
from gateway.tenants.management import create_tenant
from gateway.tenants.models import Tenant
from tests.services.acting import TESTER

KEY = Actor(ActorKind.API_KEY, "ci")


@pytest.fixture
def installation(settings: Settings, fake_clock: FakeClock) -> Iterator[Installation]:
    with Installation(settings, clock=fake_clock) as made:
        yield made


def slugs(installation: Installation) -> set[str]:
    with installation.database.system_session() as session:
        return set(session.scalars(select(Tenant.slug)))


def test_it_says_who_acts_when_and_for_whom(installation: Installation, fake_clock: FakeClock) -> None:
    with act(installation, actor=KEY, request_id="req_1") as acting:
        assert (acting.tenant.slug, acting.session.tenant_id) == ("default", acting.tenant.id)
        assert (acting.actor, acting.request_id) == (KEY, "req_1")
        assert (acting.now_us, acting.now) == (fake_clock.now_us(), from_us(fake_clock.now_us()))
        assert acting.installation is installation


def test_a_tenant_that_is_not_there(installation: Installation) -> None:
    with pytest.raises(NotFound) as refused, act(installation, actor=TESTER, tenant="defualt"):
        pass
    assert refused.value.hints == (Hint("did_you_mean", {"names": ["default"]}),)
    with pytest.raises(NotFound) as refused, act(installation, actor=TESTER, tenant="zzz"):
        pass
    assert refused.value.hints == (Hint("create_tenant", {"slug": "zzz"}),)


def test_changes_and_their_entries_stand_together(installation: Installation) -> None:
    trail = InMemoryAuditTrail()
    with act_for_system(installation, actor=KEY, write=True, request_id="req_1", audit=trail) as acting:
        made = create_tenant(acting, "acme")
    assert slugs(installation) == {"default", "acme"}
    [entry] = trail.entries
    assert (entry.action, entry.object_id, entry.object_name) == ("tenant.added", made.id, "acme")
    assert (entry.actor, entry.request_id, entry.tenant_id, entry.at) == (KEY, "req_1", made.id, made.created_at)
    assert entry.after["slug"] == "acme"


def test_and_fall_together(installation: Installation) -> None:
    trail = InMemoryAuditTrail()

    def change_and_fail() -> None:
        with act_for_system(installation, actor=KEY, write=True, audit=trail) as acting:
            create_tenant(acting, "acme")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change_and_fail()
    assert slugs(installation) == {"default"}
    assert trail.entries == []


def test_so_do_those_of_a_tenant(installation: Installation) -> None:
    trail = InMemoryAuditTrail()

    def change_and_fail() -> None:
        with act(installation, actor=KEY, write=True, audit=trail) as acting:
            acting.audit("source.added", "src_1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change_and_fail()
    assert trail.entries == []


def test_a_trail_that_fails_takes_the_change_with_it(installation: Installation) -> None:
    class Broken(NullAuditTrail):
        def keep(self, session: object, entries: object) -> None:
            assert isinstance(session, SystemSession)
            raise ZeroDivisionError

    with (
        pytest.raises(ZeroDivisionError),
        act_for_system(installation, actor=KEY, write=True, audit=Broken()) as acting,
    ):
        create_tenant(acting, "acme")
    assert slugs(installation) == {"default"}


def test_what_was_opened_for_reading_changes_nothing(installation: Installation) -> None:
    with act(installation, actor=TESTER) as acting, pytest.raises(RuntimeError, match="opened for reading"):
        acting.audit("source.added", "src_1")


def test_an_entry_holds_what_differs() -> None:
    assert differences({"a": 1, "b": 2}, {"a": 1, "b": 3}) == ({"b": 2}, {"b": 3})
    assert differences(None, {"a": 1}) == ({}, {"a": 1})
    assert differences({"a": 1}, None) == ({"a": 1}, {})
