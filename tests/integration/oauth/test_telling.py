"""Events about connections stand in the transaction of the change, and are routed like any other."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.destinations.management import add_destination
from gateway.delivery.models import Delivery
from gateway.delivery.routes.draft import RouteDraft
from gateway.events.models import Event
from gateway.events.system import CONNECTION_CREATED
from gateway.installation import Installation
from gateway.oauth.models import Connection
from gateway.oauth.telling import tell
from gateway.tenants.acting import Acting, act
from gateway.webhooks.routes import add_route
from tests.services.acting import TESTER, add_tenant


def connect(acting: Acting) -> Connection:
    now = acting.now
    row = Connection(
        id="conn_1",
        provider="github",
        way="authorization_code",
        state="connected",
        account_label="octocat",
        scopes_asked=["repo"],
        parameters={},
        kept={},
        scheduled_at=now,
        connected_at=now,
        created_at=now,
        updated_at=now,
    )
    acting.session.add(row)
    tell(acting.session, acting.installation, CONNECTION_CREATED, row)
    return row


def test_it_is_journalled_and_delivered_with_the_change(settings: Settings, fake_clock: FakeClock) -> None:
    with Installation(settings, clock=fake_clock) as installation:
        add_tenant(installation.database, fake_clock, "rival")
        for tenant in ("default", "rival"):
            with act(installation, actor=TESTER, tenant=tenant, write=True) as acting:
                add_destination(acting, DestinationDraft("alerts", "https://alerts.example.com/"))
                add_route(acting, RouteDraft("gateway", "alerts", event_types=("gateway.connection.*",)))
        with pytest.raises(ZeroDivisionError), act(installation, actor=TESTER, write=True) as acting:
            connect(acting).id = str(1 // 0)
        with act(installation, actor=TESTER, write=True) as acting:
            connect(acting)
        with installation.database.system_session() as session:
            [event] = session.scalars(select(Event))
            [delivery] = session.scalars(select(Delivery))
        assert (event.type, event.source, event.tenant_id) == (CONNECTION_CREATED, "gateway", "ten_default")
        assert (delivery.event_id, delivery.tenant_id) == (event.id, "ten_default")
        data = json.loads(event.body)["data"]
        assert (data["connection_id"], data["provider"], data["account_label"]) == ("conn_1", "github", "octocat")
