"""Every use case that changes something says so, and tells no secret."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from gateway.clock import FakeClock, from_us
from gateway.config import Settings
from gateway.db.paging import PageRequest
from gateway.delivery.destinations import management as destinations
from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.event_replay.aim import Again, Aim
from gateway.delivery.event_replay.replay import replay_event
from gateway.delivery.models import DeliveryState
from gateway.delivery.replay import (
    ReplayFilter,
    cancel_delivery,
    cancel_pending,
    replay_many,
    retry_delivery,
)
from gateway.delivery.routes.draft import RouteChange, RouteDraft
from gateway.delivery.routes.management import remove_route
from gateway.delivery.search import DeliverySearch, find_deliveries
from gateway.installation import Installation
from gateway.manifest.apply import apply_plan, make_plan
from gateway.manifest.reading import Manifest
from gateway.tenants.acting import Begin, act
from gateway.tenants.audit import InMemoryAuditTrail
from gateway.webhooks.routes import add_route, change_route
from gateway.webhooks.sources import management as sources
from gateway.webhooks.sources.draft import SourceDraft
from gateway.webhooks.sources.management import CredentialDraft
from tests.services.acting import TESTER
from tests.services.rows import store_event

SECRET = "hunter2-hunter2"
GITHUB = SourceDraft("github", "github", credentials={"secret": SECRET})
APP = DestinationDraft("app", "http://127.0.0.1:9/", headers=(("Authorization", f"Bearer {SECRET}"),))


class Trail:
    """Opens transactions whose entries are kept, and tells their actions."""

    def __init__(self, installation: Installation) -> None:
        self.kept = InMemoryAuditTrail()
        self.begin: Begin = lambda: act(installation, actor=TESTER, write=True, audit=self.kept)

    def of(self, change: Callable[[], object]) -> list[str]:
        """The actions of one change."""
        self.kept.entries.clear()
        change()
        assert SECRET not in repr(self.kept.entries)
        return [entry.action for entry in self.kept.entries]


@pytest.fixture
def installation(settings: Settings, fake_clock: FakeClock) -> Iterator[Installation]:
    with Installation(settings, clock=fake_clock) as made:
        yield made


@pytest.fixture
def trail(installation: Installation) -> Trail:
    return Trail(installation)


def one(trail: Trail, use_case: Callable[..., object], *arguments: object, **named: object) -> list[str]:
    """The actions of one use case in a transaction of its own."""

    def change() -> None:
        with trail.begin() as acting:
            use_case(acting, *arguments, **named)

    return trail.of(change)


def test_sources(trail: Trail) -> None:
    assert one(trail, sources.add_source, GITHUB) == ["source.added"]
    changed = SourceDraft("github", "github", allowed_ips=("192.0.2.0/24",))
    assert one(trail, sources.update_source, changed) == ["source.changed"]
    assert trail.kept.entries[0].after["allowed_ips"] == ["192.0.2.0/24"]
    assert one(trail, sources.rotate_credential, "github", CredentialDraft(SECRET)) == ["source.credential_rotated"]
    assert one(trail, sources.disable_source, "github") == ["source.disabled"]
    assert one(trail, sources.disable_source, "github") == []
    assert one(trail, sources.enable_source, "github") == ["source.enabled"]
    assert one(trail, sources.enable_source, "github") == []


def test_destinations_and_routes(trail: Trail) -> None:
    one(trail, sources.add_source, GITHUB)
    assert one(trail, destinations.add_destination, APP) == ["destination.added"]
    assert one(trail, destinations.update_destination, APP) == ["destination.changed"]
    assert one(trail, destinations.rotate_secret, "app", overlap=timedelta(0)) == ["destination.secret_rotated"]
    assert one(trail, destinations.disable_destination, "app") == ["destination.disabled"]
    assert one(trail, destinations.disable_destination, "app") == []
    assert one(trail, destinations.enable_destination, "app") == ["destination.enabled"]
    assert one(trail, add_route, RouteDraft("github", "app")) == ["route.added"]
    route_id = trail.kept.entries[0].object_id
    assert one(trail, change_route, route_id, RouteChange(where="a")) == ["route.changed"]
    assert (trail.kept.entries[0].before, trail.kept.entries[0].after) == ({"where": None}, {"where": "a"})
    assert one(trail, remove_route, route_id) == ["route.removed"]
    assert one(trail, destinations.remove_destination, "app") == ["destination.removed"]


def test_deliveries(trail: Trail, installation: Installation, fake_clock: FakeClock) -> None:
    with trail.begin() as acting:
        destination_id = destinations.add_destination(acting, APP).destination.id
    at = from_us(fake_clock.now_us())
    event_id = store_event(installation.database, at, states=[DeliveryState.DEAD] * 2, destination_id=destination_id)
    with trail.begin() as acting:
        first, _ = (row.id for row in find_deliveries(acting, DeliverySearch(), PageRequest()).rows)
    assert one(trail, retry_delivery, first) == ["delivery.retried"]
    assert (trail.kept.entries[0].before, trail.kept.entries[0].after) == ({"state": "dead"}, {"state": "pending"})
    assert one(trail, cancel_delivery, first) == ["delivery.cancelled"]
    assert one(trail, replay_event, event_id, Aim(Again.ALL)) == ["event.replayed"]
    assert trail.of(lambda: cancel_pending(trail.begin, "app")) == ["deliveries.cancelled"]
    assert trail.kept.entries[0].after == {"count": 2}
    cancelled = ReplayFilter(states=frozenset({DeliveryState.CANCELLED}))
    assert trail.of(lambda: replay_many(trail.begin, cancelled)) == ["deliveries.replayed"]
    assert trail.of(lambda: replay_many(trail.begin, cancelled)) == []


def test_a_manifest_is_audited_change_by_change(trail: Trail) -> None:
    manifest = Manifest((GITHUB,), (APP,), (RouteDraft("github", "app"),))

    def apply() -> None:
        with trail.begin() as acting:
            apply_plan(acting, make_plan(acting, manifest, [], prune=False))

    assert trail.of(apply) == ["source.added", "destination.added", "route.added"]
    assert trail.of(apply) == []
