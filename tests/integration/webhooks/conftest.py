"""A gateway under test: the real application on a real database, with the management use cases to set it up."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import Client, TestResponse

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.db.database import Database
from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.destinations.management import add_destination
from gateway.delivery.models import Delivery
from gateway.delivery.routes.draft import RouteDraft
from gateway.delivery.routes.management import add_route
from gateway.events.models import Event
from gateway.factory import create_app
from gateway.installation import Installation, installation_of
from gateway.tenants.acting import Acting, act
from gateway.tenants.models import DEFAULT_TENANT
from gateway.webhooks.receive.assembly import inbound_of
from gateway.webhooks.receive.inbound import Inbound
from gateway.webhooks.rejections.models import Rejection
from gateway.webhooks.sources.draft import SourceDraft
from gateway.webhooks.sources.management import add_source
from tests.services.acting import TESTER
from tests.services.loop_host import LoopHost

SECRET = "It's a Secret to Everybody"


@dataclass
class GatewayUnderTest:
    """The application and short ways to set it up and look into its database."""

    app: Flask
    database: Database
    settings: Settings
    clock: FakeClock
    host: LoopHost | None = None

    @property
    def client(self) -> Client:
        """Sends requests to the application, through the host that is under test."""
        return self.app.test_client() if self.host is None else Client(self.host, TestResponse)

    @property
    def inbound(self) -> Inbound:
        return inbound_of(installation_of(self.app))

    def acting(self, tenant: str = DEFAULT_TENANT, *, write: bool = True) -> AbstractContextManager[Acting]:
        """A transaction of somebody who sets it up, or looks at it."""
        return act(installation_of(self.app), actor=TESTER, tenant=tenant, write=write)

    def source(self, slug: str, provider: str, *secrets: str, tenant: str = DEFAULT_TENANT, **values: Any) -> str:
        """Add a source; extra values are those of `SourceDraft`."""
        credentials = {"secret": secrets[0]} if secrets else {}
        draft = SourceDraft(
            slug=slug, provider=provider, credentials=credentials | values.pop("credentials", {}), **values
        )
        with self.acting(tenant) as acting:
            return add_source(acting, draft).source.id

    def route(self, source: str, *patterns: str, name: str = "sink", **values: Any) -> None:
        """Add a destination `name`, and a route to it."""
        with self.acting() as acting:
            add_destination(acting, DestinationDraft(name=name, url="http://127.0.0.1:9/hook"))
            draft = RouteDraft(source=source, event_types=patterns, destination=name, **values)
            add_route(acting, draft, sources={source})

    def refresh(self) -> None:
        """Let the application see configuration that was changed after its first request."""
        self.inbound.ingest.snapshot.refresh()

    def github(
        self,
        slug: str = "github",
        body: bytes = b"{}",
        *,
        key: str = "d-1",
        secret: str = SECRET,
        address: str = "127.0.0.1",
        **headers: str,
    ) -> TestResponse:
        """Post a signed GitHub event from `address`; header values given as keywords replace ours."""
        signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        sent = {
            "X-GitHub-Event": "push",
            "X-GitHub-Delivery": key,
            "X-Hub-Signature-256": signature,
            "Content-Type": "application/json",
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        client = {"REMOTE_ADDR": address}
        return self.client.post(f"/webhooks/{slug}", data=body, headers=sent, environ_base=client)

    def events(self) -> Sequence[Event]:
        with self.database.system_session() as session:
            return session.scalars(select(Event).order_by(Event.id)).all()

    def deliveries(self) -> Sequence[Delivery]:
        with self.database.system_session() as session:
            return session.scalars(select(Delivery).order_by(Delivery.id)).all()

    def rejections(self) -> Sequence[Rejection]:
        """What was kept, after everything queued has been written."""
        assert self.inbound.ingest.rejections.flush(20)
        with self.database.system_session() as session:
            return session.scalars(select(Rejection).order_by(Rejection.id)).all()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A server of threads is tried on SQLite: how it waits for a commit does not depend on whose it is. The event loop,
    which everybody gets who asks for nothing else, is tried on both databases.
    """
    items[:] = [item for item in items if not {"threads", "postgres"} <= _parameters(item)]


def _parameters(item: pytest.Item) -> set[object]:
    values = item.callspec.params.values() if isinstance(item, pytest.Function) and hasattr(item, "callspec") else ()
    return {value for value in values if isinstance(value, str)}


@pytest.fixture(params=["threads", "loop"])
def gateway(request: pytest.FixtureRequest, settings: Settings, fake_clock: FakeClock) -> Iterator[GatewayUnderTest]:
    """The application, once hosted by a server that gives each request a thread, once by the event-loop front."""
    installation = Installation(settings, clock=fake_clock)
    app = create_app(installation)
    host = LoopHost(app) if request.param == "loop" else None
    yield GatewayUnderTest(app, installation.database, settings, fake_clock, host)
    if host is not None:
        host.close()
    installation.close()


def code(response: TestResponse) -> str:
    """The error code of an answer."""
    document: dict[str, Any] = json.loads(response.data)
    found: str = document["error"]["code"]
    return found
