"""A gateway with two tenants: `default`, which is well, and `acme`, whose rows the tests break one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from sqlalchemy import text

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.db.revisions import EVERY_KIND
from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.destinations.management import add_destination
from gateway.delivery.queue.claim import Claimer, FreeSlots
from gateway.delivery.routes.draft import RouteDraft
from gateway.delivery.routes.loader import RoutingLoader
from gateway.delivery.routes.routing import RoutingSnapshot
from gateway.factory import create_app
from gateway.installation import Installation
from gateway.webhooks.routes import add_route
from tests.integration.webhooks.conftest import SECRET, GatewayUnderTest
from tests.services.acting import add_tenant

TENANTS = ("default", "acme")
MEMBERS = ("app", "audit")


@dataclass
class House(GatewayUnderTest):
    """Each tenant has a source `github` and the destinations `app` and `audit`, each with a header and a route."""

    installation: Installation = field(kw_only=True)

    def furnish(self, tenant: str) -> None:
        """What each tenant has."""
        self.source("github", "github", SECRET, tenant=tenant)
        with self.acting(tenant) as acting:
            for name in MEMBERS:
                url = f"http://127.0.0.1:9/{name}"
                add_destination(acting, DestinationDraft(name, url, ordering_key="ref", headers=[("X-Key", "k")]))
                add_route(acting, RouteDraft("github", name, where="ref", transform="{ref: ref}"))

    def change(self, statement: str, **values: object) -> None:
        """Change rows behind the gateway's back, as a hand, an older version or a lost key would."""
        with self.database.write() as connection:
            connection.execute(text(statement), values)
            connection.execute(text("UPDATE revisions SET value = value + 1 WHERE name = 'configuration'"))

    def deliveries_of(self, tenant: str) -> dict[str, tuple[str, str | None]]:
        """State and reason of the tenant's deliveries of received events, by destination."""
        statement = text(
            "SELECT destinations.name, deliveries.state, deliveries.reason FROM deliveries "
            "JOIN destinations ON destinations.id = deliveries.destination_id WHERE deliveries.tenant_id = :tenant"
        )
        with self.database.read() as connection:
            rows = connection.execute(statement, {"tenant": f"ten_{tenant}"})
            return {row[0]: (row[1], row[2]) for row in rows}

    def routing(self) -> RoutingSnapshot:
        """What a worker that starts now, or sees a change, loads."""
        installation = self.installation
        loader = RoutingLoader(self.settings, installation.keyring, installation.handlers, self.clock)
        return loader(self.database, EVERY_KIND)

    def claimed(self) -> set[tuple[str, str]]:
        """Tenant and destination of everything that a worker claims now."""
        targets, free = self.routing().targets, FreeSlots(100, lambda _target: 100)
        with self.database.write() as connection:
            found = Claimer().claim(connection, targets, free, now_us=self.clock.now_us())
        return {(one.tenant_id, targets[one.destination_id].name) for one in found}


@pytest.fixture
def house(settings: Settings, fake_clock: FakeClock) -> Iterator[House]:
    installation = Installation(settings, clock=fake_clock)
    made = House(create_app(installation), installation.database, settings, fake_clock, installation=installation)
    add_tenant(made.database, fake_clock, "acme")
    for tenant in TENANTS:
        made.furnish(tenant)
    yield made
    installation.close()
