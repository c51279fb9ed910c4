"""Every use case that changes something says so, and tells no secret."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from gateway.clock import FakeClock, from_us, iso
from gateway.config import Settings
from gateway.db.paging import PageRequest, every
from gateway.delivery.destinations import management as destinations
from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.event_replay.aim import Again, Aim
from gateway.delivery.event_replay.replay import replay_event
from gateway.delivery.models import DeliveryState
from gateway.delivery.retention import Cutoff
from gateway.delivery.retry import (
    RetryFilter,
    cancel_delivery,
    cancel_pending,
    retry_delivery,
    retry_many,
)
from gateway.delivery.routes.draft import RouteChange, RouteDraft
from gateway.delivery.routes.management import remove_route
from gateway.delivery.search import DeliverySearch, find_deliveries
from gateway.delivery.sending.trial_request import send_trial
from gateway.installation import Installation
from gateway.manifest.apply import apply_plan, make_plan
from gateway.manifest.reading import Manifest
from gateway.security.tokens import random_slug
from gateway.tenants.acting import Begin, act
from gateway.tenants.audit_trail.models import AuditRow
from gateway.tenants.audit_trail.search import AuditSearch, AuditSummary, find_audit
from gateway.tenants.directory import find_tenant
from gateway.webhooks.purge import purge
from gateway.webhooks.routes import add_route, change_route
from gateway.webhooks.samples.sending import prepare_sample
from gateway.webhooks.sources import management as sources
from gateway.webhooks.sources.changes import CredentialDraft, SourceChange
from gateway.webhooks.sources.draft import SourceDraft
from gateway.webhooks.sources.removal import remove_source
from tests.services.acting import TESTER
from tests.services.rows import store_event

SECRET = "hunter2-hunter2"
# An address that nobody may guess is a secret too.
SLUG = random_slug()
GITHUB = SourceDraft("github", "github", credentials={"secret": SECRET})
HIDDEN = SourceDraft(SLUG, "github", credentials={"secret": SECRET})
APP = DestinationDraft("app", "http://127.0.0.1:9/", headers=(("Authorization", f"Bearer {SECRET}"),))
LEAKY = DestinationDraft("leaky", f"https://example.com/in?key={SECRET}#{SECRET}")


class Trail:
    """Opens transactions whose entries are kept in the database, and tells of them."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self.begin: Begin = lambda: act(installation, actor=TESTER, write=True)
        self.secrets = {SECRET, SLUG}
        self.entries: list[AuditSummary] = []
        self._seen = 0

    def of(self, change: Callable[[], object]) -> list[str]:
        """The actions of one change. No secret that was given or made so far stands in any row."""
        change()
        with self._installation.database.read() as connection:
            rows = [tuple(row) for row in connection.execute(select(AuditRow.__table__).order_by(AuditRow.number))]
        assert [secret for secret in self.secrets if secret in repr(rows)] == []
        with self.begin() as acting:
            kept = list(every(lambda page: find_audit(acting, AuditSearch(), page)))
        kept.sort(key=lambda entry: entry.number)
        self.entries = kept[self._seen :]
        self._seen = len(kept)

        return [entry.action for entry in self.entries]


@pytest.fixture
def installation(settings: Settings, fake_clock: FakeClock) -> Iterator[Installation]:
    with Installation(settings, clock=fake_clock) as made:
        yield made


@pytest.fixture
def trail(installation: Installation) -> Trail:
    return Trail(installation)


def one(trail: Trail, use_case: Callable[..., object], *arguments: object, **named: object) -> list[str]:
    """The actions of one use case in a transaction of its own. What it makes to be shown once is a secret."""

    def change() -> None:
        with trail.begin() as acting:
            made = use_case(acting, *arguments, **named)
        trail.secrets |= {secret} if (secret := getattr(made, "secret", None)) else set()

    return trail.of(change)


def test_sources(trail: Trail) -> None:
    assert one(trail, sources.add_source, HIDDEN) == ["source.added"]
    assert trail.entries[0].object_name == f"{SLUG[:10]}…"
    assert one(trail, sources.add_source, SourceDraft("made", "github", generate_secret=True)) == ["source.added"]
    generated = CredentialDraft(generate=True)
    assert one(trail, sources.rotate_credential, "made", generated) == ["source.credential_rotated"]
    assert len(trail.secrets) == 4
    assert one(trail, sources.add_source, GITHUB) == ["source.added"]
    changed = SourceDraft("github", "github", allowed_ips=("192.0.2.0/24",))
    assert one(trail, sources.update_source, changed) == ["source.changed"]
    assert trail.entries[0].after["allowed_ips"] == ["192.0.2.0/24"]
    assert one(trail, sources.rotate_credential, "github", CredentialDraft(SECRET)) == ["source.credential_rotated"]
    assert one(trail, sources.change_source, "github", SourceChange(refuse_replays=False)) == ["source.changed"]
    assert one(trail, sources.disable_source, "github") == ["source.disabled"]
    assert one(trail, sources.disable_source, "github") == []
    assert one(trail, sources.enable_source, "github") == ["source.enabled"]
    assert one(trail, sources.enable_source, "github") == []
    assert one(trail, prepare_sample, "github", "push", source="github") == ["source.tested"]
    assert trail.entries[0].after == {"type": "push", "own_body": False}
    assert one(trail, remove_source, "github") == ["source.removed"]
    assert trail.entries[0].before["slug"] == "github"


def test_destinations_and_routes(trail: Trail) -> None:
    one(trail, sources.add_source, GITHUB)
    assert one(trail, destinations.add_destination, APP) == ["destination.added"]
    assert one(trail, destinations.update_destination, APP) == ["destination.changed"]
    assert one(trail, destinations.add_destination, LEAKY) == ["destination.added"]
    assert trail.entries[0].after["url"] == "https://example.com/in?key=…"
    assert one(trail, destinations.rotate_secret, "app", overlap=timedelta(0)) == ["destination.secret_rotated"]
    assert one(trail, destinations.disable_destination, "app") == ["destination.disabled"]
    assert one(trail, destinations.disable_destination, "app") == []
    assert one(trail, destinations.enable_destination, "app") == ["destination.enabled"]
    assert trail.of(lambda: send_trial(trail.begin, "app")) == ["destination.tested"]
    assert one(trail, add_route, RouteDraft("github", "app")) == ["route.added"]
    route_id = trail.entries[0].object_id
    assert one(trail, change_route, route_id, RouteChange(where="a")) == ["route.changed"]
    assert (trail.entries[0].before, trail.entries[0].after) == ({"where": None}, {"where": "a"})
    assert one(trail, remove_route, route_id) == ["route.removed"]
    assert one(trail, destinations.remove_destination, "app") == ["destination.removed"]


def test_deliveries(trail: Trail, installation: Installation, fake_clock: FakeClock) -> None:
    with trail.begin() as acting:
        destination_id = destinations.add_destination(acting, APP).destination.id
    trail.of(lambda: None)
    at = from_us(fake_clock.now_us())
    event_id = store_event(installation.database, at, states=[DeliveryState.DEAD] * 2, destination_id=destination_id)
    with trail.begin() as acting:
        first, _ = (row.id for row in find_deliveries(acting, DeliverySearch(), PageRequest()).rows)
    assert one(trail, retry_delivery, first) == ["delivery.retried"]
    assert (trail.entries[0].before, trail.entries[0].after) == ({"state": "dead"}, {"state": "pending"})
    assert one(trail, cancel_delivery, first) == ["delivery.cancelled"]
    assert one(trail, replay_event, event_id, Aim(Again.ALL)) == ["event.replayed"]
    assert trail.of(lambda: cancel_pending(trail.begin, "app")) == ["deliveries.cancelled"]
    assert trail.entries[0].after == {"until": iso(at), "count": 2}
    cancelled = RetryFilter(states=frozenset({DeliveryState.CANCELLED}))
    assert trail.of(lambda: retry_many(trail.begin, cancelled)) == ["deliveries.retried"]
    assert trail.entries[0].after == {"states": ["cancelled"], "count": 2}
    assert trail.of(lambda: retry_many(trail.begin, cancelled)) == []


def test_a_manifest_is_audited_change_by_change(trail: Trail) -> None:
    manifest = Manifest((GITHUB,), (APP,), (RouteDraft("github", "app"),))

    def apply() -> None:
        with trail.begin() as acting:
            apply_plan(acting, make_plan(acting, manifest, [], prune=False))

    assert trail.of(apply) == ["source.added", "destination.added", "route.added"]
    assert trail.of(apply) == []


def test_many_are_one_entry_with_counts_after_one_that_tells_that_it_began(
    trail: Trail, installation: Installation, fake_clock: FakeClock
) -> None:
    with trail.begin() as acting:
        destination_id = destinations.add_destination(acting, APP).destination.id
    trail.of(lambda: None)
    at = from_us(fake_clock.now_us())
    dead = [DeliveryState.DEAD] * 20
    for _ in range(251):
        store_event(installation.database, at, states=dead[:1], destination_id=destination_id)
    fake_clock.advance(1)
    for _ in range(26):
        store_event(installation.database, at, states=dead, destination_id=destination_id)
    retried = RetryFilter()
    assert trail.of(lambda: retry_many(trail.begin, retried)) == ["deliveries.retried_began", "deliveries.retried"]
    assert trail.entries[1].after == {"states": ["dead"], "count": 251 + 520}
    cancel = lambda: cancel_pending(trail.begin, "app")  # noqa: E731
    assert trail.of(cancel) == ["deliveries.cancelled_began", "deliveries.cancelled"]
    assert trail.entries[1].after["count"] == 251 + 520


def test_the_purge(trail: Trail, installation: Installation, fake_clock: FakeClock) -> None:
    store_event(installation.database, from_us(fake_clock.now_us()) - timedelta(days=40))
    with installation.database.system_session() as session:
        tenant_id = find_tenant(session, "default").id
    cutoff = Cutoff(installation.now() - timedelta(days=30), installation.now(), tenant_id)
    assert trail.of(lambda: list(purge(installation, cutoff, actor=TESTER))) == ["events.purged"]
    assert trail.entries[0].after["events"] == 1
    assert trail.of(lambda: list(purge(installation, cutoff, actor=TESTER))) == []
