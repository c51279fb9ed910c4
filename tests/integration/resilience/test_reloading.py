"""A change loads again what it touches, in the web processes' snapshot and in the workers'."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select

from gateway.clock import from_us
from gateway.db.snapshot import Snapshot
from gateway.delivery.models import Route
from gateway.delivery.routes.draft import RouteDraft
from gateway.delivery.routes.loader import RoutingLoader
from gateway.tenants.models import Tenant
from gateway.webhooks.routes import add_route
from gateway.webhooks.sources.management import disable_source
from tests.integration.resilience.conftest import House


def test_a_new_route_leaves_sources_and_destinations_alone(house: House) -> None:
    house.refresh()
    before = house.inbound.ingest.snapshot.current()
    with house.acting() as acting:
        add_route(acting, RouteDraft("github", "app", event_types=("push",)))
    house.refresh()
    after = house.inbound.ingest.snapshot.current()
    assert after.sources is before.sources
    assert after.routing.targets is before.routing.targets
    key = ("ten_default", "github")
    assert len(after.routing.by_source[key]) == len(before.routing.by_source[key]) + 1


def test_a_changed_source_leaves_routes_alone_and_workers_idle(house: House) -> None:
    installation = house.installation
    loader = RoutingLoader(house.settings, installation.keyring, installation.handlers, house.clock)
    worker = Snapshot(house.database, loader, house.clock)
    worker.refresh()
    house.refresh()
    before, routing = house.inbound.ingest.snapshot.current(), worker.current()
    with house.acting() as acting:
        disable_source(acting, "github")
    house.refresh()
    worker.refresh()
    after = house.inbound.ingest.snapshot.current()
    assert after.routing is before.routing
    assert after.sources["default", "github"].is_disabled
    assert worker.current() is routing


def test_a_statement_in_bulk_is_seen(house: House) -> None:
    house.refresh()
    with house.database.tenant_session("ten_acme", write=True) as session:
        session.execute(delete(Route))
        assert session.scalars(select(Route)).all() == []
    house.refresh()
    by_source = house.inbound.ingest.snapshot.current().routing.by_source
    assert set(by_source) == {("ten_default", "github")}


def test_a_new_tenant_with_everything_is_seen_at_once(house: House) -> None:
    house.refresh()
    now: datetime = from_us(house.clock.now_us())
    with house.database.system_session(write=True) as session:
        session.add(Tenant(id="ten_third", slug="third", created_at=now))
    house.furnish("third")
    house.refresh()
    assert house.github("third/github", body=b'{"ref": "main"}').status_code == 200
    assert house.deliveries_of("third") == {"app": ("pending", None), "audit": ("pending", None)}
