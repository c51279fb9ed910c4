"""What a tenant may do, and one that is suspended: at the door of webhooks, and at the queue."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from sqlalchemy import select

from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.destinations.management import add_destination
from gateway.errors import Conflict, LimitReached
from gateway.installation import installation_of
from gateway.tenants.acting import act_for_system
from gateway.tenants.draft import TenantChange
from gateway.tenants.management import change_tenant, resume_tenant, suspend_tenant
from gateway.tenants.usage import turn
from gateway.webhooks.sources.draft import SourceDraft
from gateway.webhooks.sources.management import add_source
from gateway.webhooks.sources.models import Source
from tests.integration.resilience.conftest import House
from tests.integration.resilience.conftest import house as house
from tests.integration.webhooks.conftest import SECRET, GatewayUnderTest, code
from tests.services.acting import TESTER

BODY = b'{"ref": "main"}'


def change(house: House | GatewayUnderTest, use_case: Callable[..., object], *arguments: object) -> None:
    """A use case of who acts for no tenant."""

    with act_for_system(installation_of(house.app), actor=TESTER, write=True) as acting:
        use_case(acting, *arguments)
    if house.inbound.ingest.snapshot.is_loaded:
        house.refresh()


def test_a_suspended_tenants_webhooks_get_503_and_its_deliveries_wait(house: House) -> None:
    assert house.github("acme/github", BODY).status_code == 200
    change(house, suspend_tenant, "acme")
    answer = house.github("acme/github", BODY, key="d-2")
    assert (answer.status_code, code(answer), answer.headers["Retry-After"]) == (503, "tenant_suspended", "60")
    assert house.github("acme/github", BODY, key="d-2", secret="wrong").status_code == 503
    assert house.client.get("/webhooks/acme/github").status_code == 503
    assert house.rejections() == []
    assert house.github("github", BODY, key="d-3").status_code == 200
    assert {tenant for tenant, _ in house.claimed()} == {"ten_default"}
    waiting = [row for row in house.deliveries() if row.tenant_id == "ten_acme"]
    assert {(row.state, row.attempts_made) for row in waiting} == {("pending", 0)}
    change(house, resume_tenant, "acme")
    assert house.github("acme/github", BODY, key="d-2").status_code == 200
    assert {tenant for tenant, _ in house.claimed()} == {"ten_acme"}


def test_the_default_tenant_can_be_suspended_too(house: House) -> None:
    change(house, suspend_tenant, "default")
    assert house.github("github", BODY).status_code == 503
    assert house.github("acme/github", BODY).status_code == 200


def test_events_per_second(gateway: GatewayUnderTest) -> None:
    gateway.source("github", "github", SECRET)
    gateway.source("more", "github", SECRET)
    change(gateway, change_tenant, "default", TenantChange(limits={"events_per_second": 0.2}))
    # What does not verify uses up nothing.
    for _ in range(3):
        assert gateway.github(secret="wrong").status_code == 401
    assert gateway.github(key="d-1").status_code == 200
    assert gateway.github("more", key="d-2").status_code == 200
    answer = gateway.github(key="d-3")
    assert (answer.status_code, code(answer), answer.headers["Retry-After"]) == (429, "tenant_rate_limited", "5")
    assert len(gateway.events()) == 2
    change(gateway, change_tenant, "default", TenantChange(limits={"events_per_second": None}))
    assert gateway.github(key="d-3").status_code == 200


def test_who_is_full_gets_429_until_there_is_room(gateway: GatewayUnderTest) -> None:
    gateway.source("github", "github", SECRET)
    assert gateway.github(key="d-1").status_code == 200
    for is_full, status in ((True, 429), (False, 200)):
        with gateway.database.write() as connection:
            turn(connection, {"ten_default": is_full})
        gateway.refresh()
        answer = gateway.github(key="d-2")
        assert answer.status_code == status
        if is_full:
            assert (code(answer), answer.headers["Retry-After"]) == ("tenant_full", "300")
            assert gateway.github(secret="wrong").status_code == 401
    assert len(gateway.events()) == 2


def test_sources_and_destinations(house: House) -> None:
    limits = {"sources": 2, "destinations": 2}
    change(house, change_tenant, "acme", TenantChange(limits=limits))
    house.source("second", "github", SECRET, tenant="acme")
    with pytest.raises(LimitReached) as refused:
        house.source("third", "github", SECRET, tenant="acme")
    assert str(refused.value) == "the tenant 'acme' may have 2 sources, and has 2"
    assert refused.value.hints[0].parameters == {"slug": "acme", "limit": "sources"}
    with pytest.raises(LimitReached), house.acting("acme") as acting:
        add_destination(acting, DestinationDraft("third", "http://127.0.0.1:9/"))
    house.source("third", "github", SECRET)


def test_two_who_ask_for_the_last_place_do_not_both_get_it(house: House) -> None:
    change(house, change_tenant, "acme", TenantChange(limits={"sources": 3}))

    def add(number: int) -> None:
        with suppress(LimitReached), house.acting("acme") as acting:
            add_source(acting, SourceDraft(f"s{number}", "github", credentials={"secret": SECRET}))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(8)))
    with house.database.system_session() as session:
        assert len(session.scalars(select(Source).where(Source.tenant_id == "ten_acme")).all()) == 3


def test_a_tenant_that_is_being_erased_is_as_if_it_were_not_there(house: House) -> None:
    assert house.github("acme/github", BODY).status_code == 200
    house.change("UPDATE tenants SET erasing_at = 1 WHERE slug = 'acme'")
    house.refresh()
    answer = house.github("acme/github", BODY, key="d-2")
    assert (answer.status_code, code(answer)) == (404, "source_unknown")
    assert house.claimed() == set()
    for write in (True, False):
        with pytest.raises(Conflict, match="being erased"), house.acting("acme", write=write):
            pass
    for use_case in (suspend_tenant, resume_tenant):
        with pytest.raises(Conflict, match="being erased"):
            change(house, use_case, "acme")
